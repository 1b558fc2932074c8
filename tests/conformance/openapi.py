"""Asks a server everything that its OpenAPI document describes, with schemathesis.

The document is closed first, so that a member that it does not tell is a failure. Names of the path and
some parameters are those of the server at hand, since nobody guesses them.

    BASE_URL      the server
    TOKEN         of an admin
    VALUES        JSON: {parameter: value}, such as {"path.app": "boat"}
    OPERATIONS    JSON: {address: {parameter: value}}, for those that need others
    EXAMPLES      how many examples an operation has
    PHASES        such as examples,coverage,fuzzing
    SEED          another one has other examples

The last line of the report is a JSON object: for each operation how many answers it had by status.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request


METHODS = ("GET", "POST", "PATCH", "DELETE")

# Bodies of these kinds are sent as the texts that they are.
HOOKS = """
import schemathesis


@schemathesis.serializer("application/x-ndjson", "text/csv")
def as_it_is(context, value):
    return value.encode() if isinstance(value, str) else str(value).encode()
"""


def closed(schema):
    """The same schema, in which an object has no members but those that it tells."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def main():
    base, token = os.environ["BASE_URL"], os.environ["TOKEN"]
    values = json.loads(os.environ.get("VALUES", "{}"))
    operations = json.loads(os.environ.get("OPERATIONS", "{}"))
    with urllib.request.urlopen(f"{base}/openapi.json") as answer:
        document = json.load(answer)
    if document["openapi"] != "3.1.0":
        sys.exit(f"openapi is {document['openapi']}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        schema = folder / "openapi.json"
        schema.write_text(json.dumps(closed(document)))
        lines = ["[parameters]"]
        lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in values.items()]
        for path, own in operations.items():
            lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.parameters]"]
            lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in own.items()]
        settings = folder / "schemathesis.toml"
        settings.write_text("\n".join(lines) + "\n")
        report = folder / "report.ndjson"
        hooks = folder / "hooks.py"
        hooks.write_text(HOOKS)
        command = [
            str(pathlib.Path(sys.executable).parent / "schemathesis"),
            "--config-file", str(settings),
            "run", str(schema), "--url", base,
            "--header", f"Authorization: Bearer {token}",
            "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
                        "response_headers_conformance,response_schema_conformance",
            "--phases", os.environ.get("PHASES", "examples,coverage,fuzzing"),
            "--max-examples", os.environ.get("EXAMPLES", "15"),
            "--seed", os.environ.get("SEED", "7"), "--workers", "1", "--suppress-health-check", "all",
            "--generation-database", "none", "--no-color", "--continue-on-failure",
            "--report", "ndjson", "--report-ndjson-path", str(report),
        ]
        run = subprocess.run(command, cwd=folder, env={**os.environ, "SCHEMATHESIS_HOOKS": str(hooks)})
        counts = {}
        for line in report.read_text().splitlines():
            count(json.loads(line), counts)
    print(json.dumps(counts, sort_keys=True))
    sys.exit(run.returncode)


def count(event, counts):
    """Adds the answers that an event of the report tells of."""
    for scenario in event.values():  # one, named by its kind
        if not isinstance(scenario, dict) or "recorder" not in scenario:
            continue
        recorder = scenario["recorder"]
        for identity, interaction in recorder.get("interactions", {}).items():
            case = recorder.get("cases", {}).get(identity, {}).get("value", {})
            response = interaction.get("response") or {}
            name = f"{case.get('method')} {case.get('path')}"
            # What else is tried at an address is answered 405.
            if case.get("method") not in METHODS:
                continue
            status = str(response.get("status_code"))
            own = counts.setdefault(name, {})
            own[status] = own.get(status, 0) + 1


if __name__ == "__main__":
    main()
