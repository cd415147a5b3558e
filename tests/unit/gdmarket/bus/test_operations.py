"""An operator sees how far behind the bus is, pauses contexts, and looks after what is dead."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from gdmarket import bus, correlation
from gdmarket.bus import claims, operations
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event, Subscription
from gdmarket.correlation import Trace
from tests.log import recorded
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, Spilled, notes, pour, reader

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `manage.py bus …` and returns what it prints."""

    def command(*arguments: str) -> str:
        call_command("bus", *arguments)
        return capsys.readouterr().out

    return command


@pytest.fixture
def rejecting(hear: Connect) -> list[int]:
    """Return the numbers that red rejects; it hears all others."""
    rejected = [2]

    def reject(event: Poured) -> None:
        if event.n in rejected:
            raise bus.Reject(f"no {event.n}")

    hear({Poured: [reader(RED, reject)]})
    pour(1, 2, 3)
    bus.run_until_idle()
    return rejected


@pytest.fixture
def blue_listens(rejecting: list[int]) -> None:
    Subscription.objects.create(subscriber=BLUE, type="kitchen.Spilled")


def dead_id() -> int:
    return Delivery.objects.get(dead=True).pk


def test_the_lag_tells_what_is_due_what_waits_and_what_is_dead(rejecting: list[int]) -> None:
    pour(4, at=datetime.now(UTC) + timedelta(hours=1))
    Event.objects.update(occurred_at=datetime.now(UTC) - timedelta(seconds=90))

    found = operations.lag()

    age_s = found[RED].pop("oldest_age_s")
    assert 90 <= age_s < 120
    assert found == {RED: {"outstanding": 1, "timers": 1, "dead": 1, "paused": False}}


def test_the_lag_of_a_context_with_nothing_to_do_is_zero(hear: Connect) -> None:
    hear({Poured: [reader(BLUE)]})

    assert operations.lag() == {BLUE: {"outstanding": 0, "timers": 0, "dead": 0, "oldest_age_s": 0.0, "paused": False}}


def test_status_shows_a_line_a_context(rejecting: list[int], run: Run) -> None:
    operations.pause(context=RED)

    lines = run("status").splitlines()

    assert lines[0].split() == ["context", "outstanding", "oldest", "(s)", "timers", "dead"]
    assert [cell for n, cell in enumerate(lines[1].split()) if n != 2] == [RED, "1", "0", "1", "paused"]
    assert json.loads(run("status", "--json"))[RED]["outstanding"] == 1


def test_pausing_and_resuming_twice_is_the_same_as_once(hear: Connect, run: Run) -> None:
    hear({Poured: [reader(RED)]})

    assert run("pause", RED) == run("pause", RED)
    pour(1)
    assert bus.run_until_idle() == 0
    assert run("resume", RED) == run("resume", RED)
    assert bus.run_until_idle() == 1


def test_pausing_a_context_that_hears_nothing_names_those_that_do(hear: Connect, run: Run) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})

    with pytest.raises(CommandError, match="Those that do: blue, red") as refusal:
        run("pause", "green")

    assert refusal.value.returncode == 1
    assert not any(row["paused"] for row in operations.lag().values())


def test_dead_deliveries_are_listed_by_error(rejecting: list[int], blue_listens: None, run: Run) -> None:
    pour(2, cup=2)
    rejecting.append(9)
    pour(9, cup=3)
    bus.run_until_idle()
    first, second, third = Delivery.objects.filter(dead=True).order_by("pk").values_list("pk", flat=True)

    groups = json.loads(run("dead", "list", "--json"))

    assert groups == [
        {"subscriber": RED, "type": "kitchen.Poured", "error": "Reject: no 2", "count": 2, "deliveries": [first, second]},
        {"subscriber": RED, "type": "kitchen.Poured", "error": "Reject: no 9", "count": 1, "deliveries": [third]},
    ]
    assert run("dead", "list").splitlines()[0] == "2 × red, kitchen.Poured"
    assert run("dead", "list", "--subscriber", BLUE) == run("dead", "--subscriber", BLUE, "list") == "no dead deliveries\n"


def test_dead_alone_lists_what_is_dead(rejecting: list[int], blue_listens: None, run: Run) -> None:
    assert run("dead") == run("dead", "list") != ""
    assert run("dead", "--json") == run("dead", "list", "--json") == run("dead", "--json", "list")
    assert run("dead", "--subscriber", BLUE) == "no dead deliveries\n"


@pytest.mark.parametrize("arguments", [("dead", "--subscriber", "bleu"), ("replay", "--subscriber", "bleu")])
def test_a_context_that_is_none_is_refused_by_name(rejecting: list[int], run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r'No context called "bleu" hears anything\. Those that do: red'):
        run(*arguments)
    assert Delivery.objects.filter(dead=True).count() == 1


def test_a_dead_delivery_is_shown_with_its_event_and_its_lane(rejecting: list[int], run: Run) -> None:
    shown = json.loads(run("dead", "show", str(dead_id())))

    assert (shown["error"], shown["lane"], shown["waiting_behind"]) == ("Reject: no 2", "cup:1", 1)
    assert shown["event"]["payload"] == {"n": 2, "occurred_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("which", ["one", "subscriber", "all"])
def test_a_replayed_lane_goes_on_in_order(rejecting: list[int], run: Run, which: str) -> None:
    rejecting.clear()
    arguments = {"one": [str(dead_id())], "subscriber": ["--subscriber", RED], "all": ["--all"]}[which]

    assert run("replay", *arguments) == "1 dead deliveries will be tried again\n"
    assert run("dead", "replay", *arguments) == "0 dead deliveries will be tried again\n"

    assert bus.run_until_idle() == 2
    assert notes() == [1, 2, 3]


def test_replaying_another_context_s_deliveries_leaves_this_one_s(rejecting: list[int], blue_listens: None, run: Run) -> None:
    assert run("dead", "replay", "--subscriber", BLUE) == "0 dead deliveries will be tried again\n"

    assert Delivery.objects.filter(dead=True).count() == 1


def test_a_skipped_delivery_leaves_a_record_and_its_lane_goes_on(rejecting: list[int], run: Run) -> None:
    skipped, event = dead_id(), Event.objects.get(payload__n=2)

    assert run("skip", str(skipped), "--reason", "cup broken") == f"delivery {skipped} is skipped\n"
    assert run("dead", "skip", str(skipped)) == f"delivery {skipped} was skipped before\n"

    assert bus.run_until_idle() == 1
    assert notes() == [1, 3]
    (record,) = recorded([DeliverySkipped])
    assert (record.event.event_id, record.event.subscriber, record.event.error) == (event.id, RED, "Reject: no 2")
    assert record.event.reason == "cup broken"


def test_a_delivery_that_is_not_dead_cannot_be_skipped(rejecting: list[int], run: Run) -> None:
    waiting = Delivery.objects.get(dead=False)

    with pytest.raises(CommandError, match=r"is not dead: red will still handle it\. .* see `bus dead list`"):
        run("dead", "skip", str(waiting.pk))

    assert Delivery.objects.filter(pk=waiting.pk).exists()
    assert not recorded([DeliverySkipped])


@pytest.mark.parametrize("action", ["dead show", "dead replay", "dead skip", "replay", "skip"])
def test_a_delivery_that_is_not_there_is_an_error(hear: Connect, run: Run, action: str) -> None:
    with pytest.raises(CommandError, match="There is no delivery 77") as refusal:
        run(*action.split(), "77")

    assert refusal.value.returncode == 1


def test_a_story_is_told_as_a_tree_with_what_is_outstanding(hear: Connect, run: Run) -> None:
    def spill(event: Poured) -> None:
        bus.publish(Spilled(n=event.n, occurred_at=event.occurred_at + timedelta(milliseconds=40)), stream=f"floor:{event.n}")

    def reject(_: Spilled) -> None:
        raise bus.Reject("no mop")

    hear({Poured: [reader(RED, spill)], Spilled: [reader(BLUE, reject)]})
    with correlation.use(Trace(correlation="story-1", traceparent="")):
        pour(1, 2)
        pour(3, at=datetime(2030, 1, 1, tzinfo=UTC))
    bus.run_until_idle()
    first, second = Delivery.objects.filter(dead=True).order_by("pk").values_list("pk", flat=True)

    assert run("trace", "story-1").splitlines() == [
        "00:00:00.000000       +0 ms  kitchen.Poured  cup:1 v1",
        "00:00:00.040000      +40 ms    kitchen.Spilled  floor:1 v1",
        f"                                waits for blue: dead after 1 attempts, delivery {first}: Reject: no mop",
        "00:00:00.000000       +0 ms  kitchen.Poured  cup:1 v2",
        "00:00:00.040000      +40 ms    kitchen.Spilled  floor:2 v1",
        f"                                waits for blue: dead after 1 attempts, delivery {second}: Reject: no mop",
        "00:00:00.000000       +0 ms  kitchen.Poured  cup:1 v3",
        "                              waits for red: due 2030-01-01 00:00:00",
    ]
    assert [step["depth"] for step in json.loads(run("trace", "story-1", "--json"))] == [0, 1, 0, 1, 0]


def test_a_delivery_in_hand_is_told_of(hear: Connect, run: Run) -> None:
    hear({Poured: [reader(RED)]})
    with correlation.use(Trace(correlation="story-1", traceparent="")):
        pour(1)
    claims.claim_lanes(subscriber=RED)

    assert run("trace", "story-1").splitlines()[1].strip() == "waits for red: in hand"


def test_a_story_nobody_knows_is_an_error(hear: Connect, run: Run) -> None:
    with pytest.raises(CommandError, match="X-Correlation-ID"):
        run("trace", "story-2")


@pytest.mark.parametrize("arguments", [[], ["dead", "sing"], ["replay"], ["replay", "1", "--all"], ["skip"], ["pause"], ["sing"]])
def test_misuse_is_refused(hear: Connect, run: Run, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_the_audit_of_a_skip_commits_with_it(rejecting: list[int]) -> None:
    skipped = dead_id()

    with transaction.atomic():
        operations.skip(delivery_id=skipped, reason="")
        transaction.set_rollback(True)

    assert Delivery.objects.filter(pk=skipped, dead=True).exists()
    assert not recorded([DeliverySkipped])


def test_lag_is_plain_data(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)

    lag: dict[str, dict[str, Any]] = json.loads(json.dumps(operations.lag()))

    assert lag[RED]["outstanding"] == 1
