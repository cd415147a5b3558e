"""The alerts and the dashboard use metrics that are exported, and each alert has a runbook."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client

from tests.docs.pages import ROOT

FOLDER = ROOT / "deploy" / "observability"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
# The words of PromQL that are used.
WORDS = {
    "absent", "and", "bool", "by", "count", "group", "histogram_quantile", "increase", "max", "min", "on", "or", "rate", "sum", "topk",
    "unless", "without",
}  # fmt: skip
_NOT_METRICS = re.compile(r'"[^"]*"|\{[^{}]*\}|\[[^\]]*\]|\b(?:by|on|without)\s*\([^)]*\)')


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression uses."""
    bare = _NOT_METRICS.sub(" ", re.sub(r'"[^"]*"', '""', expression))
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))


@pytest.fixture
def exported(client: Client, transactional_db: None) -> set[str]:
    """Return the names of the metrics in a real scrape, and those that Prometheus adds."""
    client.get("/api/v1/items")
    scraped = client.get("/metrics").content
    names = {"up"}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", scraped.decode(), flags=re.MULTILINE):
        names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return names


def test_every_metric_in_use_is_exported(exported: set[str]) -> None:
    example = 'sum by (route) (rate(http_requests_total{route!~"/health/.*"}[5m])) > 1 or absent(up{job="web"} == 1)'
    assert names_in(example) == {"http_requests_total", "up"}
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    used = {where: names_in(expression) for where, expression in expressions()}
    assert len(used) > 40
    assert all(used.values())
    assert {where: unknown for where, names in used.items() if (unknown := names - recorded - exported)} == {}


@pytest.mark.parametrize("alert", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_every_alert_has_a_severity_a_summary_and_a_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_no_two_panels_of_the_dashboard_have_one_id() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
