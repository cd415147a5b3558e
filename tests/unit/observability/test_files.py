"""What the alerts and the dashboard ask for is what the market tells, and each alert says what to do."""

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
# What PromQL calls its own, as far as it is used.
WORDS = {
    "absent", "and", "bool", "by", "count", "group", "histogram_quantile", "increase", "max", "min", "on", "or", "rate", "sum", "topk",
    "unless", "without",
}  # fmt: skip
_NOT_METRICS = re.compile(r'"[^"]*"|\{[^{}]*\}|\[[^\]]*\]|\b(?:by|on|without)\s*\([^)]*\)')


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression asks for."""
    bare = _NOT_METRICS.sub(" ", re.sub(r'"[^"]*"', '""', expression))
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES)
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))


@pytest.fixture
def told(client: Client, transactional_db: None) -> set[str]:
    """Return the names of all that a real scrape of a server tells, and what Prometheus adds."""
    client.get("/api/v1/items")
    scraped = client.get("/metrics").content
    names = {"up"}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", scraped.decode(), flags=re.MULTILINE):
        names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return names


def test_the_search_sees_names_and_nothing_else() -> None:
    found = names_in('sum by (route) (rate(http_requests_total{route!~"/health/.*"}[5m])) > 1 or absent(up{job="web"} == 1)')
    assert found == {"http_requests_total", "up"}


def test_what_is_asked_for_is_told(told: set[str]) -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    asked = {where: names_in(expression) for where, expression in expressions()}
    assert len(asked) > 40
    assert all(asked.values())
    assert {where: names - recorded - told for where, names in asked.items() if names - recorded - told} == {}


@pytest.mark.parametrize("alert", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_every_alert_says_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert anchor in {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_dashboard_has_a_row_for_each_thing_to_watch_and_no_panel_twice() -> None:
    panels = DASHBOARD["panels"]
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == ["Traffic", "Saga", "Money", "Bus", "Breaker", "Processes"]
    assert len({panel["id"] for panel in panels}) == len(panels)
