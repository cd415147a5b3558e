"""The view can be folded anew from the log, while it is being read and while facts flow; and checked against it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.items.events import ItemRegistered
from apps.payments.events import PaymentApproved
from apps.rentals.events import RentalRequested
from apps.status_view import services
from apps.status_view.management import folding
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import bus, ids
from gdmarket.bus.models import Event
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.story import NOON, ItemTale, RentalTale, payment_fact, record, rental_row, rows

pytestmark = pytest.mark.usefixtures("alone")


def test_a_view_that_is_right_is_left_alone(told: dict[str, Any]) -> None:
    revisions = list(RentalStatus.objects.order_by("pk").values_list("revision", flat=True))

    assert rebuild() == "Rows folded: 5. Put right: 0."
    assert check() == (0, "The status view says what the event log says.")

    assert rows() == told
    assert list(RentalStatus.objects.order_by("pk").values_list("revision", flat=True)) == revisions


def test_an_empty_market_is_right() -> None:
    assert rebuild() == "Rows folded: 0. Put right: 0."
    assert check(json=True) == (0, "[]")


@pytest.mark.parametrize("page", [500, 2])
def test_a_view_that_was_lost_is_rebuilt_from_the_log_row_by_row_the_same(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(services, "_PAGE", page)
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()

    code, table = check()
    assert (code, table.count("missing")) == (1, 5)
    assert rebuild() == "Rows folded: 5. Put right: 5."

    assert rows() == told
    assert check()[0] == 0
    assert rebuild() == "Rows folded: 5. Put right: 0."


_RENTAL_COLUMNS = [
    ("state", "lost"),
    ("price", 1),
    ("paid", 0),
    ("refunded", 4_000),
    ("overdue", True),
    ("renter_id", ids.uuid7()),
    ("item_id", ids.uuid7()),
    ("ends_at", NOON),
    ("payment_state", None),
    ("payments", {}),
    ("timeline", []),
    ("version", 99),
    ("updated_at", NOON - timedelta(days=1)),
]


@pytest.mark.parametrize(("column", "value"), _RENTAL_COLUMNS, ids=[column for column, _ in _RENTAL_COLUMNS])
def test_a_rental_tampered_with_is_found_named_and_put_right(told: dict[str, Any], column: str, value: Any) -> None:
    victim = RentalStatus.objects.get(state="cancelled")
    truth = getattr(victim, column)
    RentalStatus.objects.filter(pk=victim.pk).update(**{column: value})

    code, said = check(json=True)

    assert code == 1
    [difference] = json.loads(said)
    assert (difference["kind"], difference["id"], difference["column"]) == ("rental", str(victim.pk), column)
    assert (difference["stored"], difference["expected"]) == (_as_json(value), _as_json(truth))
    assert rebuild(dry_run=True) == "Rows folded: 5. To be put right: 1."
    assert rows() != told
    assert rebuild() == "Rows folded: 5. Put right: 1."
    assert rows() == told
    assert RentalStatus.objects.get(pk=victim.pk).revision > victim.revision


@pytest.mark.parametrize(
    ("column", "value"), [("name", "x"), ("manager_id", ids.uuid7()), ("availability", "rented"), ("current_rental_id", None)]
)
def test_an_item_tampered_with_is_found_named_and_put_right(told: dict[str, Any], column: str, value: Any) -> None:
    victim = ItemStatus.objects.get(availability="reserved")
    ItemStatus.objects.filter(pk=victim.pk).update(**{column: value})

    code, said = check(json=True)

    assert (code, [(found["id"], found["column"]) for found in json.loads(said)]) == (1, [(str(victim.pk), column)])
    assert rebuild() == "Rows folded: 5. Put right: 1."
    assert rows() == told


def test_a_rental_that_is_wrong_does_not_put_its_item_in_the_wrong(told: dict[str, Any]) -> None:
    waiting = RentalStatus.objects.get(state="requested")
    RentalStatus.objects.filter(pk=waiting.pk).update(state="returned")
    RentalStatus.objects.filter(state="cancelled").update(state="rented")

    _, said = check(json=True)

    assert {(found["kind"], found["column"]) for found in json.loads(said)} == {("rental", "state")}
    rebuild()
    assert rows() == told


def test_a_row_that_no_fact_speaks_of_is_hidden(told: dict[str, Any]) -> None:
    manager_id = ids.uuid7()
    ItemStatus.objects.create(pk=ids.uuid7(), version=3, manager_id=manager_id, name="허깨비")

    assert check()[0] == 1
    rebuild()

    assert not ItemStatus.objects.filter(manager_id=manager_id).exists()
    assert check()[0] == 0


def test_money_that_no_rental_asked_for_is_kept(told: dict[str, Any]) -> None:
    item = ItemTale()
    rental = RentalTale(item)
    record(item.then(ItemRegistered), rental.then(RentalRequested), payment_fact(PaymentApproved, rental=rental, payment_id=ids.uuid7()))
    bus.run_until_idle()

    assert rebuild() == "Rows folded: 7. Put right: 0."
    assert rental_row(rental).paid == 8_000


def test_the_table_can_be_read(told: dict[str, Any]) -> None:
    victim = RentalStatus.objects.get(state="returned")
    changed = [*victim.timeline[:-1], {**victim.timeline[-1], "fact": "RentalForgotten"}]
    RentalStatus.objects.filter(pk=victim.pk).update(timeline=changed, item_name="", price=7)

    _, table = check()

    lines = table.splitlines()
    assert lines[0].split() == ["ROW", "COLUMN", "VIEW", "SAYS", "LOG", "SAYS"]
    assert [line.split()[:2] for line in lines[1:4]] == [[f"rental:{victim.pk}", name] for name in ("item_name", "price", "timeline")]
    assert lines[1].split()[2:] == ['""', "충전", "드릴"]
    assert lines[2].split()[2:] == ["7", "8000"]
    assert "RentalForgotten" in lines[3]
    assert "RentalReturned" in lines[3]
    assert max(map(len, lines)) < 160
    assert lines[-1] == "Differences: 3. Put them right with: manage.py rebuild_status_view"


def test_long_runs_say_how_far_they_are(told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "_TELL_EVERY", 2)
    RentalStatus.objects.filter(state="returned").update(price=1)
    progress, said = StringIO(), StringIO()

    call_command("rebuild_status_view", stdout=said, stderr=progress, dry_run=True)

    assert [line.split()[0] for line in progress.getvalue().splitlines()] == ["2", "4"]
    assert progress.getvalue().splitlines()[-1] == "4 rows folded, 1 differ …"
    assert said.getvalue().count("\n") == 1


@pytest.mark.parametrize("command", ["check_status_view", "rebuild_status_view"])
def test_a_log_that_cannot_be_read_is_said_plainly(told: dict[str, Any], command: str) -> None:
    Event.objects.filter(type="rentals.RentalRequested").update(payload={"odd": 1})

    with pytest.raises(
        CommandError, match=r"cannot be read by this version of the program: event \d+, .*: rentals\.RentalRequested"
    ) as refused:
        call_command(command)

    assert refused.value.returncode == 2
    assert rows() == told


def test_patience_is_a_number_of_seconds() -> None:
    with pytest.raises(CommandError, match="patience"):
        call_command("check_status_view", "--patience=-1")


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
