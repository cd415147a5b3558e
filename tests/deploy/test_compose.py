"""compose.yaml is valid, and restricts each container as the manifests restrict each pod."""

import re
from typing import Any

import pytest
import yaml

from tests.architecture.source import ROOT
from tests.deploy.manifests import known_settings, tool
from tests.deploy.test_pods import GRACEFUL_S

COMPOSE = ROOT / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = {name for name, service in SERVICES.items() if "gdmarket" in service["image"]}


def test_it_is_valid() -> None:
    checked = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert "cap_add" not in service or name == "database"
    assert "privileged" not in service
    assert ("user", "10001:10001") in service.items() or name not in OURS


def test_only_the_gateway_and_prometheus_publish_a_port_and_on_localhost() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"gateway": ["${GDMARKET_PUBLISH:-127.0.0.1:8000}:8000"], "prometheus": ["127.0.0.1:9090:9090"]}


def test_services_start_after_what_they_depend_on() -> None:
    needs = {name: {on: how["condition"] for on, how in service.get("depends_on", {}).items()} for name, service in SERVICES.items()}
    migrated = {"migrate": "service_completed_successfully"}
    assert needs["gateway"] == {"web": "service_healthy"}
    assert needs["web"] == needs["relay"] == needs["reconcile"] == migrated
    assert needs["migrate"] == {"database": "service_healthy"}
    assert all("healthcheck" in SERVICES[name] for name in OURS | {"database"})
    assert int(SERVICES["web"]["stop_grace_period"].removesuffix("s")) > GRACEFUL_S


def test_it_sets_known_settings_and_no_secret_has_a_value() -> None:
    secrets = {"GDMARKET_SECRET_KEY", "GDMARKET_PAYMENT_WEBHOOK_SECRETS"}
    for name in OURS - {"provider"}:
        environment = SERVICES[name]["environment"]
        assert environment.keys() <= known_settings()
        assert all(environment[secret] == f"${{{secret}:?see .env.example}}" for secret in secrets)
        assert re.fullmatch(r"postgresql://market:\$\{POSTGRES_PASSWORD:\?[^}]+\}@database/market", environment["DATABASE_URL"])
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert example == dict.fromkeys([*secrets, "POSTGRES_PASSWORD"], "")
    required = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    assert required == example.keys()


def test_it_mounts_named_volumes_or_files_of_deploy() -> None:
    named = yaml.safe_load(COMPOSE.read_text())["volumes"].keys()
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-(.+?)\}", r"\1", mount).split(":")[0]
            assert source in named or f"{source}/".startswith("./deploy/"), mount
