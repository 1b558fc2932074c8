"""The answers of scim2-models to what our own code is asked too: PATCH and filters.

Reads one question a line from standard input and answers it with one line, both JSON:

    {"do": "patch", "type": "User", "create": false, "resource": {...}, "operations": [...]}
    {"do": "match", "type": "User", "resource": {...}, "filter": "userName eq \\"bo\\""}

    {"resource": {...}}    {"match": true}    {"error": "invalidPath", "detail": "..."}

`create` tells whether a path whose filter matches nothing makes the element that it describes.
Argument: the folder with our schemas, so that both sides know the same attributes.
"""

import json
import sys
from pathlib import Path

from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    Extension,
    PatchOp,
    Resource,
    Schema,
    SCIMException,
    ScimFilter,
    ScimPolicy,
)

schemas = Path(sys.argv[1])


def schema(name):
    return Schema.model_validate(json.loads((schemas / f"{name}.json").read_text()))


TYPES = {
    "User": Resource.from_schema(schema("user"))[Extension.from_schema(schema("enterprise_user"))],
    "Group": Resource.from_schema(schema("group")),
}


def policy(create):
    miss = ScimPolicy.UnmatchedPathFilter
    return ScimPolicy(
        unknown=ScimPolicy.Unknown.ignore,
        remove_value_as_filter=ScimPolicy.RemoveValue.apply,
        unmatched_path_filter=miss.create if create else miss.forbid,
    )


POLICIES = {create: policy(create) for create in (False, True)}


def answer(question):
    resource_type = TYPES[question["type"]]
    rules = POLICIES[question.get("create", False)]
    with rules:
        resource = resource_type.model_validate(question["resource"])
        if question["do"] == "match":
            return {"match": ScimFilter[resource_type](question["filter"]).match(resource)}
        body = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": question["operations"],
        }
        patch = PatchOp[resource_type].model_validate(
            body, scim_ctx=Context.RESOURCE_PATCH_REQUEST
        )
        patch.patch(resource)
        return {"resource": resource.model_dump()}


for line in sys.stdin:
    try:
        reply = answer(json.loads(line))
    except ValidationError as error:
        first = Error.from_validation_errors(error)[0]
        reply = {"error": first.scim_type, "detail": first.detail}
    except SCIMException as error:
        reply = {"error": error.scim_type, "detail": str(error)}
    except Exception as error:  # a defect of the peer is an answer too
        reply = {"error": "crash", "detail": repr(error)}
    print(json.dumps(reply), flush=True)
