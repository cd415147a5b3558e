"""`bus dead`: list dead deliveries by error, replay them, skip them."""

import json

import pytest
from django.core.management import CommandError
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import dead_letters
from gdmarket.bus.errors import NoSuchDeliveryError
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event
from tests.log import recorded
from tests.unit.gdmarket.bus.conftest import Connect, Run, concurrently
from tests.unit.gdmarket.bus.sample import BLUE, RED, add, handled


def dead_id() -> int:
    return Delivery.objects.get(dead=True).pk


def test_dead_deliveries_are_listed_by_error(rejecting: list[int], blue_subscribed: None, run: Run) -> None:
    add(2, counter=2)
    rejecting.append(9)
    add(9, counter=3)
    bus.run_until_idle()
    first, second, third = Delivery.objects.filter(dead=True).order_by("pk").values_list("pk", flat=True)

    groups = json.loads(run("dead", "list", "--json"))

    assert groups == [
        {"subscriber": RED, "type": "sample.Added", "error": "Reject: no 2", "count": 3, "deliveries": [first, second, third]},
    ]
    Delivery.objects.filter(pk=third).update(error="Reject: never")
    assert [group["count"] for group in json.loads(run("dead", "list", "--json"))] == [2, 1]
    assert run("dead", "list").splitlines()[0] == "2 × red, sample.Added"
    assert run("dead", "list", "--subscriber", BLUE) == run("dead", "--subscriber", BLUE, "list") == "no dead deliveries\n"


def test_without_an_action_dead_deliveries_are_listed(rejecting: list[int], blue_subscribed: None, run: Run) -> None:
    assert run("dead") == run("dead", "list") != ""
    assert run("dead", "--json") == run("dead", "list", "--json") == run("dead", "--json", "list")
    assert run("dead", "--subscriber", BLUE) == "no dead deliveries\n"


@pytest.mark.parametrize("arguments", [("dead", "--subscriber", "bleu"), ("dead", "replay", "--subscriber", "bleu")])
def test_an_unknown_context_is_refused(rejecting: list[int], run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r'No context called "bleu" has a subscription\. Those that have: red'):
        run(*arguments)
    assert Delivery.objects.filter(dead=True).count() == 1


def test_a_dead_delivery_is_shown_with_its_event_and_its_lane(rejecting: list[int], run: Run) -> None:
    shown = json.loads(run("dead", "show", str(dead_id())))

    assert (shown["error"], shown["lane"], shown["waiting_behind"]) == ("Reject: no 2", "counter:1", 1)
    assert shown["event"]["payload"] == {"n": 2, "occurred_at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("which", ["one", "subscriber", "all"])
def test_a_replayed_lane_goes_on_in_order(rejecting: list[int], blue_subscribed: None, run: Run, which: str) -> None:
    rejecting.clear()
    assert run("dead", "replay", "--subscriber", BLUE) == "0 dead deliveries will be retried\n"
    arguments = {"one": [str(dead_id())], "subscriber": ["--subscriber", RED], "all": ["--all"]}[which]

    assert run("dead", "replay", *arguments) == "1 dead deliveries will be retried\n"
    assert run("dead", "replay", *arguments) == "0 dead deliveries will be retried\n"

    assert bus.run_until_idle() == 2
    assert handled() == [1, 2, 3]


def test_a_skipped_delivery_leaves_a_record_and_its_lane_goes_on(rejecting: list[int], run: Run) -> None:
    skipped, event = dead_id(), Event.objects.get(payload__n=2)

    assert run("dead", "skip", str(skipped), "--reason", "obsolete") == f"delivery {skipped} is skipped\n"
    assert run("dead", "skip", str(skipped), "--reason", "obsolete") == f"delivery {skipped} was skipped before\n"

    assert bus.run_until_idle() == 1
    assert handled() == [1, 3]
    (record,) = recorded([DeliverySkipped])
    assert (record.event.event_id, record.event.subscriber, record.event.error) == (event.id, RED, "Reject: no 2")
    assert record.event.reason == "obsolete"
    assert "skipped for red: obsolete" in run("trace", event.correlation)


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_skip_needs_a_reason(rejecting: list[int], run: Run, reason: str) -> None:
    with pytest.raises(CommandError, match="must not be blank"):
        run("dead", "skip", str(dead_id()), "--reason", reason)

    assert Delivery.objects.filter(dead=True).count() == 1


def test_a_delivery_that_is_not_dead_cannot_be_skipped(rejecting: list[int], run: Run) -> None:
    waiting = Delivery.objects.get(dead=False)

    with pytest.raises(CommandError, match=r"is not dead: red will still handle it\. .* see `bus dead list`"):
        run("dead", "skip", str(waiting.pk), "--reason", "obsolete")

    assert Delivery.objects.filter(pk=waiting.pk).exists()
    assert not recorded([DeliverySkipped])


@pytest.mark.parametrize("action", [("show",), ("replay",), ("skip", "--reason", "obsolete")])
def test_an_unknown_delivery_is_an_error(connect: Connect, run: Run, action: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="There is no delivery 77") as refusal:
        run("dead", *action, "77")

    assert refusal.value.returncode == 1


def test_the_record_of_a_skip_commits_with_it(rejecting: list[int]) -> None:
    skipped = dead_id()

    with transaction.atomic():
        dead_letters.skip(delivery_id=skipped, reason="")
        transaction.set_rollback(True)

    assert Delivery.objects.filter(pk=skipped, dead=True).exists()
    assert not recorded([DeliverySkipped])


def test_several_are_replayed_by_id_or_none_of_them(rejecting: list[int], run: Run) -> None:
    add(2, counter=2)
    bus.run_until_idle()
    first, second = Delivery.objects.filter(dead=True).order_by("pk").values_list("pk", flat=True)

    with pytest.raises(CommandError, match="There is no delivery 77"):
        run("dead", "replay", str(first), str(second), "77")
    assert Delivery.objects.filter(dead=True).count() == 2

    assert run("dead", "replay", str(first), str(second)) == "2 dead deliveries will be retried\n"
    assert not Delivery.objects.filter(dead=True).exists()


def test_a_dry_run_changes_nothing(rejecting: list[int], run: Run) -> None:
    before = list(Delivery.objects.order_by("pk").values())

    assert run("dead", "replay", "--all", "--dry-run") == "1 dead deliveries would be retried\n"
    assert run("dead", "skip", str(dead_id()), "--dry-run", "--reason", "obsolete") == f"delivery {dead_id()} would be skipped\n"

    assert list(Delivery.objects.order_by("pk").values()) == before
    assert not recorded([DeliverySkipped])


def test_several_replays_at_once_retry_each_delivery_once(rejecting: list[int]) -> None:
    for counter in range(2, 12):
        add(2, counter=counter)
    bus.run_until_idle()
    rejecting.clear()

    assert sum(concurrently(dead_letters.replay)) == 11

    bus.run_until_idle()
    assert sorted(handled()) == [1, *[2] * 11, 3]


def test_several_skips_at_once_leave_one_record(rejecting: list[int]) -> None:
    skipped = dead_id()

    def skip() -> bool | str:
        try:
            return dead_letters.skip(delivery_id=skipped, reason="")
        except NoSuchDeliveryError as gone:
            return gone.code

    results = concurrently(skip)

    assert results.count(True) == 1
    assert len(recorded([DeliverySkipped])) == 1
    assert dead_letters.skip(delivery_id=skipped, reason="") is False
