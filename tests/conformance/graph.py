"""Reads a provisioning log with Microsoft's Graph client for Python, as its documentation does it.

    graph.py BASE_URL FILTER PAGE_SIZE      FILTER may be empty; the token is in TOKEN

Prints one JSON object a line: what the client made of each entry. A refusal ends with exit code 1 and
its code and message in one line on stderr.
"""

import asyncio
import json
import os
import sys

from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.audit_logs.provisioning.provisioning_request_builder import (
    ProvisioningRequestBuilder,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_core.tasks.page_iterator import PageIterator


class Token(AccessTokenProvider):
    async def get_authorization_token(self, uri, additional_authentication_context={}):
        return os.environ["TOKEN"]

    def get_allowed_hosts_validator(self):
        return AllowedHostsValidator([])


def show(entry):
    status = entry.provisioning_status_info and entry.provisioning_status_info.status
    told = {
        "id": entry.id,
        "provisioningAction": entry.provisioning_action,
        "status": status,
        "activityDateTime": entry.activity_date_time and entry.activity_date_time.isoformat(),
    }
    print(json.dumps(told))
    return True


async def read(base_url, wanted, page_size):
    adapter = GraphRequestAdapter(BaseBearerTokenAuthenticationProvider(Token()))
    adapter.base_url = f"{base_url}/v1.0"
    graph = GraphServiceClient(request_adapter=adapter)
    parameters = ProvisioningRequestBuilder.ProvisioningRequestBuilderGetQueryParameters(
        filter=wanted or None, top=page_size
    )
    configuration = RequestConfiguration(query_parameters=parameters)
    page = await graph.audit_logs.provisioning.get(request_configuration=configuration)
    # Without the mapping a refusal of a later page would have no code.
    errors = {"XXX": ODataError}
    await PageIterator(page, adapter, error_mapping=errors).iterate(show)


try:
    asyncio.run(read(sys.argv[1], sys.argv[2], int(sys.argv[3])))
except APIError as refusal:
    error = getattr(refusal, "error", None)  # of an ODataError
    code, message = (error.code, error.message) if error else (None, refusal.message)
    sys.exit(f"{code or refusal.response_status_code}: {message}")
