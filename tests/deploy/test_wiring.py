"""Names, ports, selectors and limits of the manifests agree with each other and with the code."""

import os
import re
from typing import Any

import pytest
from django.urls import URLPattern

from config import urls
from config.database_checks import needed_by_relay, needed_by_server
from deploy import release
from tests.architecture.source import ROOT
from tests.deploy.manifests import (
    KUBERNETES,
    OVERLAYS,
    TOOLS,
    app_pods,
    commented_in,
    known_settings,
    manifests,
    matches,
    of_kind,
    pods,
    set_in,
    settings_of,
    template_of,
)

JOBS = 5  # migrate, purge, reconcile, backup, and one by hand
BASE, SECRETS = KUBERNETES / "base" / "settings.env", KUBERNETES / "secrets.env.example"


def test_every_setting_is_set_or_commented_and_no_other() -> None:
    given = set_in(BASE).keys() | commented_in(BASE) | set_in(SECRETS).keys() | commented_in(SECRETS)
    assert known_settings() - given == set()
    assert {name for name in given - known_settings() if not name.startswith(("AWS_", "OTEL_", "PROMETHEUS_"))} == set()
    assert set_in(BASE).keys() & (set_in(SECRETS).keys() | commented_in(SECRETS)) == set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_sets_known_settings_and_no_secret(overlay: str) -> None:
    data = settings_of(overlay)
    environment = {each["name"] for pod in app_pods(overlay).values() for box in pod["spec"]["containers"] for each in box.get("env", [])}
    assert (data.keys() | environment) - known_settings() == set()
    assert not [name for name in data if name.endswith(("_KEY", "_SECRETS", "_KEY_FALLBACKS", "_TOKEN")) or name == "DATABASE_URL"]
    assert {"GDMARKET_ALLOWED_HOSTS", "GDMARKET_HTTPS", "GDMARKET_TRUSTED_PROXIES", "GDMARKET_PAYMENT_GATEWAY"} <= data.keys()


def test_no_real_secret_is_in_the_repository() -> None:
    assert set(set_in(SECRETS).values()) == {""}
    for overlay in ("production", "sqlite-single"):
        assert not of_kind(overlay, "Secret")
    assert {"GDMARKET_SECRET_KEY", "DATABASE_URL"} <= set_in(SECRETS).keys()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_matches_its_pods(overlay: str) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}
    for each in manifests(overlay):
        selector = each.get("spec", {}).get("selector")
        if each["kind"] in {"Deployment", "StatefulSet"}:
            assert matches(selector, template_of(each)["metadata"]["labels"]), each["metadata"]["name"]
        elif each["kind"] in {"Service", "PodDisruptionBudget"}:
            chosen = selector if each["kind"] == "PodDisruptionBudget" else {"matchLabels": selector}
            assert [name for name in labels if matches(chosen, labels[name])] == [each["metadata"]["name"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_has_a_port_of_its_pods(overlay: str) -> None:
    services = of_kind(overlay, "Service")
    for name, service in services.items():
        ports = {port["name"] for port in pods(overlay)[name]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    (web,) = app_pods(overlay)["web"]["spec"]["containers"]
    assert [str(port["containerPort"]) for port in web["ports"]] == [settings_of(overlay)["GDMARKET_PORT"]]
    assert "EXPOSE 8000 9100" in (ROOT / "Dockerfile").read_text()


def routes() -> dict[str, set[str]]:
    """Return the paths that each gateway routes."""
    route = of_kind("production", "HTTPRoute")["market"]["spec"]["rules"][0]["matches"]
    ingresses = of_kind("demo", "Ingress").values()
    limited = {"/admin/items", "/admin/login", "/api/v1/auth/token/refresh"}  # beneath others, with a rate of their own
    ingress = [path for each in ingresses for path in each["spec"]["rules"][0]["http"]["paths"] if path["path"] not in limited]
    return {
        "route": {match["path"]["value"].rstrip("/") or "/" for match in route},
        "ingress": {path["path"].rstrip("/") or "/" for path in ingress},
    }


def test_every_gateway_routes_the_same_paths() -> None:
    found = routes()
    edge = ROOT / "deploy" / "gateway" / "haproxy.cfg"
    lines = re.findall(r"acl is_routed path(?:_beg)? (.+)", edge.read_text())
    found["haproxy"] = {address.rstrip("/") or "/" for line in lines for address in line.split()} | {"/health/ready"}
    assert len({frozenset(addresses) for addresses in found.values()}) == 1, found
    assert found["route"] == {*addresses_of_the_market(), "/static", "/media"} - {"/health/live"}


def addresses_of_the_market() -> set[str]:
    """Return where its routes begin: of each below `api/v1/` the first part, of the others all, of an included one its prefix."""
    found = set()
    routes: list[Any] = urls.urlpatterns
    for route in routes:
        if str(route.pattern) != "api/v1/":
            found.add(f"/{route.pattern}".rstrip("/") or "/")
    for route in urls.api:
        inner = [route] if isinstance(route, URLPattern) or str(route.pattern) else route.url_patterns
        found |= {f"/api/v1/{str(each.pattern).partition('/')[0]}" for each in inner}
    return found - {"/i18n"} | {"/i18n/setlang"}  # its one route


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_network_policies_deny_by_default_and_name_ports_and_peers(overlay: str) -> None:
    policies = of_kind(overlay, "NetworkPolicy")
    assert policies["nothing-else"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    listening = {
        port["containerPort"] for pod in pods(overlay).values() for box in pod["spec"]["containers"] for port in box.get("ports", [])
    }
    ingress = {port["port"] for policy in policies.values() for rule in policy["spec"].get("ingress", []) for port in rule.get("ports", [])}
    assert ingress - {9100} <= listening  # a relay beside the server has no port
    for policy in policies.values():
        rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
        assert all(rule.get("ports") and (rule.get("from") or rule.get("to")) for rule in rules)
        selector = policy["spec"]["podSelector"]
        assert any(matches(selector, pod["metadata"]["labels"]) for pod in pods(overlay).values())


@pytest.mark.parametrize("overlay", ["demo", "production"])
def test_disruption_budgets_allow_one_pod_to_go(overlay: str) -> None:
    deployments = of_kind(overlay, "Deployment")
    (scale,) = of_kind(overlay, "HorizontalPodAutoscaler").values()
    fewest = {"web": scale["spec"]["minReplicas"], "relay": deployments["relay"]["spec"]["replicas"]}
    for name, budget in of_kind(overlay, "PodDisruptionBudget").items():
        assert 1 <= budget["spec"]["minAvailable"] < fewest[name]
    assert "replicas" not in deployments["web"]["spec"]  # or every release would undo what the HPA did
    assert scale["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def test_the_demo_scales_at_the_original_s_cpu_target() -> None:
    (scale,) = of_kind("demo", "HorizontalPodAutoscaler").values()
    assert scale["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 15}


@pytest.mark.parametrize("overlay", ["demo", "production"])
def test_the_database_has_enough_connections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, one more of each while they are replaced, and every job."""
    settings = settings_of(overlay)
    (scale,) = of_kind(overlay, "HorizontalPodAutoscaler").values()
    servers, relays = scale["spec"]["maxReplicas"] + 1, of_kind(overlay, "Deployment")["relay"]["spec"]["replicas"] + 1
    a_server = needed_by_server(workers=int(settings["GDMARKET_WORKERS"]), threads=int(settings["GDMARKET_THREADS"]))
    needed = servers * a_server + relays * needed_by_relay() + JOBS
    page = (ROOT / "docs" / "how-to" / "deploy.md").read_text()
    assert f"**{needed}** connections" in page
    (allowed,) = set(re.findall(r"`max_connections` of at least \*\*(\d+)\*\*", page))
    assert needed <= int(allowed) - 10
    if overlay == "demo":
        assert (
            f"max_connections={allowed}" in of_kind("demo", "StatefulSet")["database"]["spec"]["template"]["spec"]["containers"][0]["args"]
        )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_release_applies_everything_once_and_in_order(
    overlay: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{TOOLS}:{os.environ['PATH']}")

    release.main([overlay, "registry.example.com/gdmarket:7", "--dry-run"])

    output = capsys.readouterr().out
    steps = {each["metadata"].get("labels", {}).get("gdmarket/step", "") for each in manifests(overlay)}
    runs = [each for each in manifests(overlay) if template_of(each) and each["metadata"]["name"] != "database"]
    assert all("gdmarket/step" in each["metadata"]["labels"] or each["metadata"]["name"] == "provider" for each in runs)
    applied = re.findall(r"apply --filename=- --selector=(\S+)", output)
    assert applied == ["!gdmarket/step", *(f"gdmarket/step={step}" for step in ("migrate", "relay", "web", "jobs") if step in steps)]
    assert "gdmarket:local" not in release.manifests(overlay=overlay, image="registry.example.com/gdmarket:7")


def test_a_rollback_migrates_nothing_and_replaces_servers_before_relays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{TOOLS}:{os.environ['PATH']}")

    release.main(["production", "registry.example.com/gdmarket:6", "--back", "--dry-run"])

    applied = re.findall(r"apply --filename=- --selector=(\S+)", capsys.readouterr().out)
    assert applied == ["!gdmarket/step", "gdmarket/step=web", "gdmarket/step=relay", "gdmarket/step=jobs"]


def test_the_database_and_the_cache_can_be_reached() -> None:
    (rule,) = of_kind("production", "NetworkPolicy")["market-to-database"]["spec"]["egress"]
    assert {each["port"] for each in rule["ports"]} == {5432, 6379}
