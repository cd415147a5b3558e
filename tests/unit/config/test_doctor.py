"""What the doctor says of a market that is well, and of settings that are not."""

import json
import socket
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from config.doctor import sqlite
from config.doctor.findings import Level
from tests.factories.accounts import UserFactory
from tests.unit.config.consulting import CARELESS, complaints, consult, relay_is_alive

pytestmark = pytest.mark.django_db
LONG_KEY = "k9!" + "".join(chr(97 + number % 26) + str(number) for number in range(30))
STRIPE = {"GDMARKET_PAYMENT_GATEWAY": "stripe", "GDMARKET_STRIPE_SECRET_KEY": "sk_live_7", "GDMARKET_STRIPE_WEBHOOK_SECRETS": ["whsec_7"]}


@pytest.fixture
def provider() -> Iterator[str]:
    """Return an address that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def in_service(settings: Any, tmp_path: Path, provider: str) -> Any:
    """Return the settings of a market in service that is well."""
    well = {
        "SECRET_KEY": LONG_KEY,
        "ALLOWED_HOSTS": ["market.example.com"],
        "GDMARKET_HTTPS": True,
        "GDMARKET_TRUSTED_PROXIES": 1,
        "GDMARKET_THROTTLE_USER": "60/min",
        "GDMARKET_THROTTLE_ANON": "60/min",
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(tmp_path / "cache")}},
        "STATIC_ROOT": tmp_path / "static",
        "GDMARKET_STRIPE_URL": provider,
        **STRIPE,
    }
    for name, value in well.items():
        setattr(settings, name, value)
    call_command("collectstatic", interactive=False, verbosity=0)
    relay_is_alive()
    UserFactory(is_staff=True)
    return settings


def test_a_market_that_is_well_has_nothing_to_complain_of(settings: Any) -> None:
    settings.SECRET_KEY = LONG_KEY
    relay_is_alive()
    assert complaints() == {}


def test_a_mistyped_variable_is_told_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDMARKET_PAYMENT_GATWAY", "stripe")
    found = consult()["variables"]
    assert (found.level, found.found, found.remedy) == (
        Level.WARN,
        "nothing reads GDMARKET_PAYMENT_GATWAY",
        "name it GDMARKET_PAYMENT_GATEWAY",
    )


def test_nor_has_one_in_service(in_service: Any) -> None:
    expected = {"database default": Level.WARN} if connections["default"].vendor == "sqlite" else {}
    assert complaints(deploy=True) == expected
    assert consult(deploy=True)[CARELESS[connections["default"].vendor]].level is Level.FAIL


@pytest.mark.parametrize(
    ("changed", "what", "level"),
    [
        ({"SECRET_KEY": "k9" * 20}, "secret key", Level.FAIL),
        ({"SECRET_KEY": "a" * 60}, "secret key", Level.FAIL),
        ({"SECRET_KEY": f"django-insecure-{LONG_KEY}"}, "secret key", Level.FAIL),
        ({"SECRET_KEY_FALLBACKS": ["old"]}, "secret key fallback 1", Level.FAIL),
        ({"DEBUG": True}, "debug mode", Level.FAIL),
        ({"ALLOWED_HOSTS": ["market.example.com", "*"]}, "host names", Level.FAIL),
        ({"ALLOWED_HOSTS": ["localhost"]}, "host names", Level.FAIL),
        ({"GDMARKET_HTTPS": False}, "HTTPS", Level.FAIL),
        ({"GDMARKET_TRUSTED_PROXIES": 0}, "HTTPS", Level.FAIL),
        ({"CSRF_TRUSTED_ORIGINS": ["http://admin.example.com"]}, "trusted origins", Level.WARN),
        ({"GDMARKET_THROTTLE_ANON": "off"}, "request rates", Level.WARN),
        ({"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}, "cache", Level.WARN),
        ({"CACHES": {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "no_table"}}}, "cache", Level.FAIL),
        ({"GDMARKET_PAYMENT_TIMEOUT_MS": 10_000}, "time-outs", Level.FAIL),
        ({"GDMARKET_DISPATCH_BUDGET_MS": 30_000}, "time-outs", Level.WARN),
        ({"GDMARKET_DATA_DIR": Path("/nowhere")}, "data folder", Level.FAIL),
        ({"STATIC_ROOT": Path("/nowhere")}, "static files", Level.WARN),
        ({"GDMARKET_PAYMENT_GATEWAY": "sandbox"}, "payment provider", Level.FAIL),
        ({"GDMARKET_STRIPE_SECRET_KEY": "sk_test_7"}, "payment provider", Level.FAIL),
        ({"GDMARKET_STRIPE_WEBHOOK_SECRETS": []}, "webhooks", Level.WARN),
        ({"GDMARKET_STRIPE_URL": "https://name.invalid"}, "payment provider's address", Level.FAIL),
    ],
    ids=str,
)
def test_what_is_set_wrongly_is_found(in_service: Any, changed: dict[str, Any], what: str, level: Level) -> None:
    for name, value in changed.items():
        setattr(in_service, name, value)
    finding = consult(deploy=True)[what]
    assert (finding.level, bool(finding.remedy)) == (level, True), finding


def test_static_files_of_another_version_are_found(in_service: Any) -> None:
    (in_service.STATIC_ROOT / "market" / "admin.css").write_text("/* older */")
    assert complaints(deploy=True)["static files"] is Level.FAIL


def test_a_port_where_nobody_listens_is_found(in_service: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        in_service.GDMARKET_STRIPE_URL = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert "takes no connection" in consult()["payment provider's address"].found


def test_korean_that_was_not_compiled_is_found(in_service: Any, tmp_path: Path) -> None:
    words = tmp_path / "apps" / "items" / "locale" / "ko" / "LC_MESSAGES" / "django.po"
    words.parent.mkdir(parents=True)
    words.write_text("")
    in_service.ROOT = tmp_path
    assert consult()["Korean"].level is Level.WARN
    assert "apps/items/locale" in consult()["Korean"].found


def test_a_folder_over_the_network_is_told_by_the_list_of_mounts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nstore:/market {tmp_path}/var nfs4 rw 0 0\ntmpfs {tmp_path}/variety tmpfs rw 0 0\n")
    kinds = [sqlite.file_system_of(tmp_path / name, mounts=mounts) for name in ("var/data", "variety", "else")]
    assert kinds == ["nfs4", "tmpfs", "ext4"]


def test_the_command_tells_each_finding_in_a_line_with_its_remedy(in_service: Any) -> None:
    in_service.DEBUG = True
    said, machine = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", deploy=True, stdout=said, no_color=True)
    with pytest.raises(SystemExit):
        call_command("doctor", deploy=True, json=True, stdout=machine)

    assert ended.value.code == 1
    assert "fail  debug mode: is on: whoever meets an error reads the settings → unset GDMARKET_DEBUG\n" in said.getvalue()
    document = json.loads(machine.getvalue())
    assert sum(document["counts"].values()) == len(document["findings"])
    assert {"level": "fail", "what": "debug mode"}.items() <= next(f for f in document["findings"] if f["what"] == "debug mode").items()


def test_the_command_ends_well_when_nothing_is_broken() -> None:
    said = StringIO()
    call_command("doctor", stdout=said, no_color=True)  # it does not exit
    assert "0 fail" in said.getvalue()
