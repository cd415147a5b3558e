"""Each alert fires for its fault and for no other, and none fires without a fault: promtool's own unit tests of the rules."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parent.parent.parent / "deploy" / "observability"
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
W1, W2 = 'job="web", instance="w1"', 'job="web", instance="w2"'
ITEMS = f'{W1}, route="/api/v1/items", method="GET"'
SEEN = 'bus_relay_seen_seconds{{{0}, subscriber="items"}}'
# The metrics of an hour without a fault to alert on: one of two servers cannot reach the database, a context was paused for a while, five
# items are overdue, and one server is not ready.
HEALTHY = {
    f"up{{{W1}}}": "1x60",
    f'http_requests_total{{{ITEMS}, status="2xx"}}': "0+600x60",
    f'http_requests_total{{{W1}, route="/health/ready", method="GET", status="5xx"}}': "0+600x60",
    **{f'http_request_seconds_bucket{{{ITEMS}, le="{le}"}}': "0+600x60" for le in ("0.1", "2.5", "+Inf")},
    SEEN.format(W1): "3x60",
    SEEN.format(W2): "4x60",
    f'bus_oldest_age_seconds{{{W1}, subscriber="items"}}': "2x60",
    f'bus_oldest_age_seconds{{{W1}, subscriber="payments"}}': "900x20 0x40",
    f'bus_paused{{{W1}, subscriber="items"}}': "0x60",
    f'bus_paused{{{W1}, subscriber="payments"}}': "1x25 0x35",
    f'bus_dead{{{W1}, subscriber="items"}}': "0x60",
    f'breaker_state{{{W1}, dependency="payments", state="closed"}}': "1x60",
    f'money_at_risk_oldest_seconds{{{W1}, kind="unknown"}}': "20x60",
    f'money_at_risk_oldest_seconds{{{W1}, kind="refund"}}': "20x60",
    f'rentals_late{{{W1}, state="paying"}}': "0x60",
    f'rentals_late{{{W1}, state="requested"}}': "0x60",
    f'rentals_late{{{W1}, state="rented"}}': "5x60",
    f'metrics_source_up{{{W1}, source="database default"}}': "0x60",
    f'metrics_source_up{{{W2}, source="database default"}}': "1x60",
    f'metrics_source_up{{{W1}, source="bus"}}': "1x60",
}
# For each alert: the metrics that differ, its labels, and its summary.
FAULTS: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "WebErrors": (
        {f'http_requests_total{{{W1}, route="/api/v1/rentals", method="POST", status="5xx"}}': "0+60x60"},
        {},
        "9.091% of requests fail",
    ),
    "WebSlow": ({f'http_request_seconds_bucket{{{ITEMS}, le="0.1"}}': "0+500x60"}, {}, "One request in twenty takes 1.78s or longer"),
    "WebGone": ({f"up{{{W1}}}": "0x60"}, {}, "No server answers"),
    "RelayGone": ({SEEN.format(W1): "0+60x60", SEEN.format(W2): "5+60x60"}, {"subscriber": "items"}, "No relay polls for items"),
    "BusBehind": ({f'bus_oldest_age_seconds{{{W1}, subscriber="items"}}': "90x60"}, {"subscriber": "items"}, "items is 1m 30s behind"),
    "BusPaused": (
        {f'bus_paused{{{W1}, subscriber="payments"}}': "1x60", f'bus_oldest_age_seconds{{{W1}, subscriber="payments"}}': "900x60"},
        {"subscriber": "payments"},
        "payments has been paused for half an hour",
    ),
    "DeadLetters": ({f'bus_dead{{{W1}, subscriber="items"}}': "3x60"}, {"subscriber": "items"}, "3 deliveries to items are dead"),
    "BreakerOpen": (
        {f'breaker_state{{{W1}, dependency="payments", state="closed"}}': "0x60"},
        {"dependency": "payments"},
        "payments has not been asked for five minutes",
    ),
    "PaymentsUnknown": (
        {f'money_at_risk_oldest_seconds{{{W1}, kind="unknown"}}': "600x60"},
        {},
        "The outcome of a payment has been unknown for 10m 0s",
    ),
    "RefundsStuck": ({f'money_at_risk_oldest_seconds{{{W1}, kind="refund"}}': "1200x60"}, {}, "A refund has been due for 20m 0s"),
    "RentalsStuck": ({f'rentals_late{{{W1}, state="paying"}}': "2x60"}, {}, "2 rentals are stuck in paying"),
    "TimersLate": ({f'rentals_late{{{W1}, state="requested"}}': "4x60"}, {}, "4 unpaid holds did not expire"),
    "DatabaseAway": (
        {f'metrics_source_up{{{W2}, source="database default"}}': "0x60"},
        {"source": "database default"},
        "The database default does not answer",
    ),
    "NumbersMissing": (
        {f'metrics_source_up{{{W1}, source="bus"}}': "0x60"},
        {"source": "bus"},
        "The numbers of bus cannot be read",
    ),
}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    assert found, "promtool is missing: apt-get install prometheus"
    return found


def expectation(series: dict[str, str], expected: str, labels: dict[str, str], summary: str) -> dict[str, Any]:
    """Return one of promtool's tests: after 45 minutes of these series this alert fires, and no other."""

    def alerts(name: str) -> list[dict[str, Any]]:
        if name != expected:
            return []
        rule = RULES[name]
        return [{"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"] | {"summary": summary}}]

    return {
        "name": expected,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "45m", "alertname": name, "exp_alerts": alerts(name)} for name in RULES],
    }


def test_each_alert_fires_for_its_fault_and_for_no_other(promtool: str, tmp_path: Path) -> None:
    assert FAULTS.keys() == RULES.keys()
    never = {name: values for name, values in HEALTHY.items() if not name.startswith("bus_relay_seen")}
    tests = [
        expectation(HEALTHY, "healthy", {}, ""),
        expectation(never, "RelayGone", {}, "No relay polls"),
        *(expectation(HEALTHY | differing, name, labels, summary) for name, (differing, labels, summary) in FAULTS.items()),
    ]
    file = tmp_path / "alerts.test.yml"
    file.write_text(json.dumps({"rule_files": [str(FOLDER / "alerts.yml")], "evaluation_interval": "1m", "tests": tests}))

    ran = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_promtool_accepts_the_rules_and_the_configuration(promtool: str) -> None:
    for check in (("rules", "--lint=all", "--lint-fatal", str(FOLDER / "alerts.yml")), ("config", str(FOLDER / "prometheus.yml"))):
        ran = subprocess.run([promtool, "check", *check], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "SUCCESS" in ran.stdout
