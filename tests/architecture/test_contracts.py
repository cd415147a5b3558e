"""A public field is written once, in its context's contract; whatever shows it to others derives from that."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.source import LAYERS, ROOT

COLUMN = '    note = models.CharField(max_length=50, default="with case")\n'  # the contract must show the model's default
FIELD = '    note: str = ""\n'
_SHOW = """
import json
from rest_framework.test import APIClient
from apps.accounts.models import User
from apps.accounts.services import issue_tokens
from apps.items.services import register_item
from apps.rentals import facade
from apps.rentals.services import requesting
from gdmarket import bus, clock, ids
from gdmarket.bus.models import Event

renter = User.objects.create_user("renter@example.com", display_name="renter")
drill = {"name": "drill", "category": "tools", "place": "Seoul", "latitude": 37.5, "longitude": 127.0, "daily_price": 8_000}
item = register_item(item_id=ids.uuid7(), manager_id=ids.uuid7(), now=clock.now(), **drill)
bus.run_until_idle()
rental = requesting.request_rental(rental_id=ids.uuid7(), item_id=item.id, renter_id=renter.id, now=clock.now())
bus.run_until_idle()
access = issue_tokens(user=renter, now=clock.now()).access
client = APIClient(SERVER_NAME="localhost", HTTP_AUTHORIZATION=f"Bearer {access}")
print(json.dumps({
    "fact": Event.objects.get(type="rentals.RentalRequested").payload["note"],
    "snapshot": facade.list_snapshots(now=clock.now())[0].note,
    "api": client.get(f"/api/v1/rentals/{rental.id}").json()["note"],
    "status view": client.get(f"/api/v1/status/rentals/{rental.id}").json()["note"],
    "schema": client.get("/api/v1/schema?format=json").json()["components"]["schemas"]["Rental"]["properties"]["note"]["type"],
}))
"""


def test_a_new_public_field_of_a_rental_names_its_model_and_its_contract_and_is_shown_to_everyone(tmp_path: Path) -> None:
    for layer in LAYERS:
        shutil.copytree(ROOT / layer, tmp_path / layer, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    model, contract = tmp_path / "apps/rentals/models.py", tmp_path / "apps/rentals/contracts.py"
    above, rental, rest = model.read_text().partition("class Rental(")
    model.write_text(above + rental + rest.replace("\n    class Meta:", f"{COLUMN}\n    class Meta:", 1))
    contract.write_text(contract.read_text() + FIELD)
    environment = {**os.environ, "GDMARKET_DATA_DIR": str(tmp_path / "var"), "GDMARKET_SECRET_KEY": "unused"}
    environment.pop("DATABASE_URL", None)

    def manage(*command: str) -> str:
        ended = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    manage("makemigrations", "--verbosity=0")
    manage("migrate", "--verbosity=0")
    shown = json.loads(manage("shell", "--verbosity=0", "--command", _SHOW).splitlines()[-1])

    assert shown == {"fact": "with case", "snapshot": "with case", "api": "with case", "status view": "with case", "schema": "string"}
