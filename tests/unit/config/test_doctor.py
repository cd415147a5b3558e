"""The doctor's checks of settings, and its command."""

import json
import socket
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import ERROR, WARNING
from django.core.management import call_command

from tests.factories.accounts import UserFactory
from tests.unit.config.doctor import relay_is_alive, run_checks

pytestmark = pytest.mark.django_db
LONG_KEY = "k9!" + "".join(chr(97 + number % 26) + str(number) for number in range(30))
STRIPE = {"GDMARKET_PAYMENT_GATEWAY": "stripe", "GDMARKET_STRIPE_SECRET_KEY": "sk_live_7", "GDMARKET_STRIPE_WEBHOOK_SECRETS": ["whsec_7"]}


@pytest.fixture
def provider() -> Iterator[str]:
    """Return an address that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def production(settings: Any, tmp_path: Path, provider: str) -> Any:
    """Return the settings of a production server without a fault."""
    well = {
        "SECRET_KEY": LONG_KEY,
        "ALLOWED_HOSTS": ["market.example.com"],
        "GDMARKET_HTTPS": True,
        "GDMARKET_TRUSTED_PROXIES": 1,
        "GDMARKET_THROTTLE_USER": "60/min",
        "GDMARKET_THROTTLE_ANON": "60/min",
        "GDMARKET_THROTTLE_AUTH": "60/min",
        "GDMARKET_THROTTLE_REGISTER": "20/hour",
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


def test_a_server_without_a_fault_has_no_findings(production: Any) -> None:
    assert run_checks() == {}
    assert run_checks(deploy=True) == {}


def test_a_mistyped_variable_is_found_with_the_one_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GDMARKET_PAYMENT_GATWAY", "stripe")
    found = run_checks()["config.W001"]
    assert (found.level, found.msg, found.hint) == (WARNING, "nothing reads GDMARKET_PAYMENT_GATWAY", "name it GDMARKET_PAYMENT_GATEWAY")


@pytest.mark.parametrize(
    ("changed", "found", "level"),
    [
        ({"SECRET_KEY": "k9" * 20}, "config.W003", ERROR),
        ({"SECRET_KEY": "a" * 60}, "config.W003", ERROR),
        ({"SECRET_KEY": f"django-insecure-{LONG_KEY}"}, "config.W002", ERROR),
        ({"SECRET_KEY_FALLBACKS": ["old"]}, "config.W003", ERROR),
        ({"DEBUG": True}, "config.W004", ERROR),
        ({"ALLOWED_HOSTS": ["market.example.com", "*"]}, "config.W005", ERROR),
        ({"ALLOWED_HOSTS": ["localhost"]}, "config.E002", ERROR),
        ({"GDMARKET_HTTPS": False}, "config.E003", ERROR),
        ({"GDMARKET_TRUSTED_PROXIES": 0}, "config.E005", ERROR),
        ({"GDMARKET_THROTTLE_ANON": "off"}, "config.W006", WARNING),
        ({"GDMARKET_THROTTLE_REGISTER": "off"}, "config.W006", WARNING),
        ({"GDMARKET_UNPAID_HOLDS": 0}, "config.W013", WARNING),
        ({"CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}}, "config.W008", WARNING),
        (
            {"CACHES": {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}}},
            "config.E006",
            ERROR,
        ),
        ({"GDMARKET_DATA_DIR": Path("/nowhere")}, "config.E007", ERROR),
        ({"STATIC_ROOT": Path("/nowhere")}, "config.W007", WARNING),
        ({"GDMARKET_PAYMENT_GATEWAY": "sandbox"}, "payments.E001", ERROR),
        ({"GDMARKET_PAYMENT_INSECURE_HOSTS": ["provider"]}, "gdmarket.W001", WARNING),
        ({"GDMARKET_STRIPE_SECRET_KEY": "sk_test_7"}, "payments.W001", ERROR),
        ({"GDMARKET_STRIPE_WEBHOOK_SECRETS": []}, "payments.W002", WARNING),
        ({"GDMARKET_STRIPE_URL": "https://name.invalid"}, "payments.E002", ERROR),
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_in_production_is_found(production: Any, changed: dict[str, Any], found: str, level: int) -> None:
    for name, value in changed.items():
        setattr(production, name, value)
    messages = run_checks(deploy=True)
    assert {name: (message.level, bool(message.hint)) for name, message in messages.items()} == {found: (level, True)}


def test_static_files_of_another_version_are_found(production: Any) -> None:
    (production.STATIC_ROOT / "market" / "admin.css").write_text("/* older */")
    assert run_checks(deploy=True).keys() == {"config.E004"}


def test_the_command_prints_each_finding_in_a_line_with_its_remedy(production: Any) -> None:
    production.DEBUG = True
    lines, document = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", deploy=True, stdout=lines, no_color=True)
    with pytest.raises(SystemExit):
        call_command("doctor", deploy=True, json=True, stdout=document)

    assert ended.value.code == 1
    assert "fail  config: secrecy: debug mode is on: error pages show the settings → unset GDMARKET_DEBUG\n" in lines.getvalue()
    assert "ok    payments: reach\n" in lines.getvalue()
    printed = json.loads(document.getvalue())
    assert sum(printed["counts"].values()) == len(printed["findings"])
    assert [finding["what"] for finding in printed["findings"] if finding.get("id") == "config.W004"] == ["config: secrecy"]


def test_the_command_ends_with_0_if_nothing_is_broken() -> None:
    said = StringIO()
    call_command("doctor", stdout=said, no_color=True)  # it does not exit
    assert " 0 fail" in said.getvalue()
