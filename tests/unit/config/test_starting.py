"""Invalid settings are refused at the start, in one line that names them."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from apps.accounts.models import User
from apps.payments.gateways import GATEWAYS
from config import exposure
from deploy.servers.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent.parent
TOO_SMALL = "Must be greater than or equal to 1."
NOT_AN_ADDRESS = "Must be https://host, or http:// on this machine."
NOT_A_RATE = 'Must be "off", or a number per sec, min, hour or day: 3000/min.'

READ_SETTINGS = ("-c", "import config.settings")


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python command in this environment, to its end."""
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )


OF_SETTINGS = {
    "GDMARKET_SECRET_KEY": ("", "Shorter than minimum length 1."),
    "GDMARKET_THROTTLE_USER": ("many", NOT_A_RATE),
    "GDMARKET_THROTTLE_ANON": ("0/min", NOT_A_RATE),
    "GDMARKET_PAYMENT_GATEWAY": ("none", f"Must be one of: {', '.join(sorted(GATEWAYS))}."),
    "GDMARKET_PAYMENT_TIMEOUT_MS": ("0", "Must be greater than or equal to 1 and less than or equal to 9000."),
    "GDMARKET_PAYMENT_WEBHOOK_SECRETS": ("new, old,", "One of them is empty."),
    "GDMARKET_STRIPE_WEBHOOK_SECRETS": (" ,old", "One of them is empty."),
    "GDMARKET_STRIPE_URL": ("http://api.stripe.com", NOT_AN_ADDRESS),
    "GDMARKET_TOSS_URL": ("https://me:secret@pay.example", NOT_AN_ADDRESS),
    "GDMARKET_PAYMENT_URL": ("", NOT_AN_ADDRESS),
}
OF_SERVER = {
    "GDMARKET_PORT": ("abc", "Not a valid integer."),
    "GDMARKET_WORKERS": ("0", TOO_SMALL),
    "GDMARKET_THREADS": ("-1", TOO_SMALL),
}


@pytest.mark.parametrize(
    "wrong",
    [
        OF_SETTINGS,
        {"GDMARKET_THROTTLE_ANON": ("5/fortnight", NOT_A_RATE)},
        {"GDMARKET_PAYMENT_TIMEOUT_MS": ("10000", OF_SETTINGS["GDMARKET_PAYMENT_TIMEOUT_MS"][1])},
        OF_SERVER,
        {"GDMARKET_PORT": ("65536", "Must be greater than or equal to 1 and less than or equal to 65535.")},
    ],
)
def test_invalid_settings_are_refused_in_one_line(wrong: dict[str, tuple[str, str]]) -> None:
    refused = start("-m", "config.serve", **{name: value for name, (value, _) in wrong.items()})

    assert (refused.returncode, refused.stdout) == (1, "")
    begins, _, reasons = refused.stderr.partition(": Environment variables invalid: ")
    assert begins == "The settings are not right"
    assert ast.literal_eval(reasons) == {name: [why] for name, (_, why) in wrong.items()}


@pytest.mark.parametrize(("gateway", "secret"), [("stripe", "GDMARKET_STRIPE_SECRET_KEY"), ("toss", "GDMARKET_TOSS_SECRET_KEY")])
def test_a_provider_without_its_secret_is_refused_in_one_line(gateway: str, secret: str) -> None:
    unset = start("-m", "config.serve", GDMARKET_PAYMENT_GATEWAY=gateway)
    spaced = start("-m", "config.serve", GDMARKET_PAYMENT_GATEWAY=gateway, **{secret: "sk_live_7\n"})
    needless = start(*READ_SETTINGS, **{secret: ""})
    valid = start(*READ_SETTINGS, GDMARKET_PAYMENT_GATEWAY=gateway, **{secret: "test_sk_7"})

    assert (unset.returncode, spaced.returncode, needless.returncode, valid.returncode) == (1, 1, 0, 0)
    begins = f"The settings are not right: Environment variables invalid: {{{secret!r}: "
    assert unset.stderr == begins + "['Environment variable not set.']}\n"
    assert spaced.stderr == begins + "['Must be printable characters without a space.']}\n"


def test_a_simulator_on_another_host_must_be_named() -> None:
    asked = {"GDMARKET_PAYMENT_GATEWAY": "http", "GDMARKET_PAYMENT_URL": "http://simulator:8700"}
    charged = "from apps.payments import gateways; import django; django.setup(); gateways.current(); print('accepted')"

    refused = start("-m", "config.serve", **asked)
    elsewhere = start("-m", "config.serve", **asked, GDMARKET_PAYMENT_INSECURE_HOSTS="simu,lator")
    named = start("-c", charged, **asked, GDMARKET_PAYMENT_INSECURE_HOSTS="other, simulator", DJANGO_SETTINGS_MODULE="config.settings")

    assert (refused.returncode, elsewhere.returncode) == (1, 1)
    assert NOT_AN_ADDRESS in refused.stderr
    assert NOT_AN_ADDRESS in elsewhere.stderr
    assert (named.stdout, named.returncode) == ("accepted\n", 0), named.stderr


def test_a_deployment_is_warned_of_money_over_plain_http() -> None:
    warned = start("manage.py", "check", "--deploy", "--tag", "security", GDMARKET_PAYMENT_INSECURE_HOSTS="simulator")

    assert re.search(r"gdmarket\.W001.*simulator", warned.stderr)


def test_stripe_without_its_library_is_refused_in_one_line() -> None:
    without = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "stripe" else find(name, *more)
from config.serve import main
main()
"""
    refused = start("-c", without, GDMARKET_PAYMENT_GATEWAY="stripe", GDMARKET_STRIPE_SECRET_KEY="sk_test_7")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Stripe's library is missing: pip install --require-hashes -r requirements/stripe.lock" in refused.stderr
    assert "sk_test_7" not in refused.stderr


@pytest.mark.parametrize("command", [("-m", "config.serve"), ("manage.py", "doctor")])
def test_an_invalid_database_url_is_refused_in_one_line(command: tuple[str, ...]) -> None:
    refused = start(*command, DATABASE_URL="nonsense")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("The settings are not right: ")
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "command", [("manage.py", "bus", "status"), ("-m", "gunicorn", "--check-config", "-c", "python:config.server", "config.wsgi")]
)
def test_other_commands_refuse_them_as_well(command: tuple[str, ...]) -> None:
    refused = start(*command, GDMARKET_THREADS="x", GDMARKET_PAYMENT_TIMEOUT_MS="x")

    assert refused.returncode == 1
    assert refused.stderr.startswith("The settings are not right: Environment variables invalid: ")


@pytest.mark.parametrize(("user", "anon"), [("off", "1/sec"), ("20/min", "300/hour"), ("4000/day", "off")])
def test_valid_rates_are_accepted(user: str, anon: str) -> None:
    assert start(*READ_SETTINGS, GDMARKET_THROTTLE_USER=user, GDMARKET_THROTTLE_ANON=anon).returncode == 0


SAFE_KEY = "k9!" + "".join(chr(97 + number % 26) + str(number) for number in range(30))
GUNICORN = ("-m", "gunicorn", "-c", "python:config.server", "config.wsgi")
BEYOND = {"GDMARKET_HOST": "0.0.0.0", "GDMARKET_SECRET_KEY": SAFE_KEY}


@pytest.mark.parametrize("command", [("-m", "config.serve"), GUNICORN], ids=["dev run", "gunicorn"])
@pytest.mark.parametrize(
    ("insecure", "remedy"),
    [
        ({"GDMARKET_SECRET_KEY": "changeme"}, "GDMARKET_SECRET_KEY can be guessed: set another"),
        ({"GDMARKET_SECRET_KEY": f"only-for-tests{SAFE_KEY}"}, "GDMARKET_SECRET_KEY can be guessed"),
        ({"GDMARKET_SECRET_KEY_FALLBACKS": "changeme"}, "a key of GDMARKET_SECRET_KEY_FALLBACKS can be guessed"),
        ({"GDMARKET_DEBUG": "true"}, "GDMARKET_DEBUG is on, and error pages show the settings: unset it"),
        ({"GDMARKET_ALLOWED_HOSTS": "*"}, "GDMARKET_ALLOWED_HOSTS is *: set the names it is reached by"),
        ({"GDMARKET_HOST": "127.0.0.1", "GDMARKET_TRUSTED_PROXIES": "1", "GDMARKET_DEBUG": "true"}, "GDMARKET_DEBUG is on"),
    ],
)
def test_it_refuses_to_start_insecurely_beyond_this_machine(command: tuple[str, ...], insecure: dict[str, str], remedy: str) -> None:
    port = str(free_port())

    refused = start(*command, **{**BEYOND, "GDMARKET_PORT": port, **insecure})

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 2, refused.stderr
    assert remedy in refused.stderr
    assert "changeme" not in refused.stderr
    assert refused.stdout == ""


def test_a_refusal_to_start_names_every_insecure_setting_but_none_is_needed_on_this_machine() -> None:
    asked = SimpleNamespace(
        SECRET_KEY="changeme",
        SECRET_KEY_FALLBACKS=["unused"],
        DEBUG=True,
        ALLOWED_HOSTS=["*"],
        GDMARKET_HOST="::",
        GDMARKET_TRUSTED_PROXIES=0,
        GDMARKET_PUBLIC_DEMO=True,
    )
    refused = exposure.refusal(asked) or ""
    named = [line.split()[1] for line in refused.splitlines()[1:]]
    assert named == [
        "GDMARKET_SECRET_KEY",
        "a",
        "GDMARKET_DEBUG",
        "GDMARKET_ALLOWED_HOSTS",
    ]
    for host in ("127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"):
        asked.GDMARKET_HOST = host
        assert exposure.refusal(asked) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "market.example.com"])
def test_any_other_address_is_beyond_this_machine(host: str) -> None:
    assert not exposure.is_loopback(host)


def test_a_public_demo_says_so_and_may_have_its_known_key_and_no_other_weakness() -> None:
    known = SimpleNamespace(
        SECRET_KEY=f"everybody-knows{SAFE_KEY}", SECRET_KEY_FALLBACKS=[], DEBUG=False, ALLOWED_HOSTS=["x"], GDMARKET_PUBLIC_DEMO=True
    )
    assert list(exposure.list_insecure_settings(known)) == []
    known.SECRET_KEY = "changeme"
    assert len(list(exposure.list_insecure_settings(known))) == 1


@pytest.mark.parametrize("where", [("-b", "0.0.0.0:{port}"), ("-b", "127.0.0.1:{port}", "-b", "[::]:{port}")])
def test_gunicorn_refuses_where_it_really_listens(where: tuple[str, ...]) -> None:
    port = free_port()
    refused = start(*GUNICORN[:-1], *(part.format(port=port) for part in where), GUNICORN[-1], GDMARKET_SECRET_KEY="changeme")
    assert refused.returncode == 1
    assert "GDMARKET_SECRET_KEY can be guessed" in refused.stderr


@pytest.mark.parametrize(("threads", "waiting"), [("2", "1"), ("4", "1"), ("16", "4")])
def test_a_quarter_of_a_servers_threads_may_wait_for_a_version(threads: str, waiting: str) -> None:
    ask = "import django; django.setup(); from apps.status_view import queries; print(queries._waiting._value)"
    asked = start("-c", ask, GDMARKET_THREADS=threads, DJANGO_SETTINGS_MODULE="config.settings")
    assert (asked.stdout.strip(), asked.stderr) == (waiting, "")


@pytest.mark.django_db
@pytest.mark.parametrize("beyond", [{"GDMARKET_HOST": "0.0.0.0"}, {"GDMARKET_TRUSTED_PROXIES": 1}], ids=["host", "proxy"])
def test_demo_people_are_never_made_beyond_this_machine_unless_the_operator_says_so(beyond: dict[str, Any], settings: Settings) -> None:
    for name, value in beyond.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match="everybody knows the demo's password"):
        call_command("load_demo")
    assert not User.objects.exists()
    settings.GDMARKET_PUBLIC_DEMO = True
    assert exposure.may_load_demo(settings)


def test_the_first_start_beyond_this_machine_makes_no_demo_people(tmp_path: Path) -> None:
    prepare = "from config import serve; print('people:', repr(serve._prepare()))"

    prepared = start("-c", prepare, **BEYOND, GDMARKET_DATA_DIR=str(tmp_path), DATABASE_URL="", DJANGO_SETTINGS_MODULE="config.settings")

    assert prepared.returncode == 0, prepared.stderr
    assert "gets no demo where others reach it. First: ./dev manage createsuperuser" in prepared.stdout
    assert "people: ''" in prepared.stdout


def test_a_market_with_the_demo_is_not_opened_to_others(tmp_path: Path) -> None:
    made = "from config import serve; serve._prepare(); from apps.accounts.models import User; User.objects.filter(is_staff=False).delete()"
    prepare = "from config import serve; print(serve._prepare())"
    data = {"GDMARKET_DATA_DIR": str(tmp_path), "DATABASE_URL": "", "DJANGO_SETTINGS_MODULE": "tests.settings"}
    assert start("-c", made, **data).returncode == 0

    refused = start("-c", prepare, **BEYOND, **data)
    meant = start("-c", prepare, **BEYOND, **data, GDMARKET_PUBLIC_DEMO="true")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "operator@example.com can sign in with the demo's password" in refused.stderr
    assert meant.returncode == 0, meant.stderr
