#!/bin/sh
# openapi-python-client 0.29.1: an answer 200 with a value that was added to an enumeration later raises ValueError in a client that was
# generated before, even where only the status code is asked for. Expected: the value as text, or `parsed` None: the server has done it.
. "$(dirname "$0")/setup.sh"
with_python openapi-python-client==0.29.1 httpx==0.28.1

cat > expected <<'END'
on: 200 State.ON
standby: ValueError
END
env/bin/python - > seen <<'END'
import json
import subprocess
import sys
from pathlib import Path

state = {"type": "string", "enum": ["on", "off"]}
lamp = {"type": "object", "required": ["state"], "properties": {"state": {"$ref": "#/components/schemas/State"}}}
answer = {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}}}
document = {
    "openapi": "3.1.0",
    "info": {"title": "lamps", "version": "1"},
    "paths": {"/lamp": {"get": {"operationId": "getLamp", "tags": ["lamps"], "responses": {"200": answer}}}},
    "components": {"schemas": {"State": state, "Lamp": lamp}},
}
Path("document.json").write_text(json.dumps(document))
Path("config.yml").write_text("post_hooks: []\n")
command = ["generate", "--path", "document.json", "--config", "config.yml", "--meta", "none", "--output-path", "generated"]
subprocess.run([sys.executable, "-m", "openapi_python_client", *command], check=True, capture_output=True)
sys.path.insert(0, ".")

import httpx
from generated import Client
from generated.api.lamps import get_lamp

for value in ("on", "standby"):
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"state": value}))
    try:
        got = get_lamp.sync_detailed(client=Client(base_url="http://lamps", httpx_args={"transport": transport}))
    except ValueError as raised:
        print(f"{value}: {type(raised).__name__}")
    else:
        print(f"{value}: {int(got.status_code)} State.{got.parsed.state.name}")
END
compare
