"""The view is compared with its owners, and rebuilt from them in place."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F, Max

from apps.items.events import ItemRegistered
from apps.payments.events import PaymentApproved
from apps.payments.models import Payment
from apps.rentals.events import RentalRequested
from apps.rentals.models import Rental
from apps.status_view.models import ItemStatus, Rebuild, RentalStatus
from apps.status_view.services import owners
from gdmarket import bus, ids
from gdmarket.bus import subscriptions
from gdmarket.bus.models import Event
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.facts import NOON, ItemFacts, RentalFacts, payment_fact, record, rental_row, rows

pytestmark = pytest.mark.usefixtures("only_status_view")


def test_a_rebuild_of_a_view_that_is_right_writes_no_row(market: dict[str, Any]) -> None:
    assert check() == (0, "The status view matches its owners.")
    revisions = set(RentalStatus.objects.values_list("id", "revision"))

    assert rebuild() == "The status view is rebuilt. Rows: 5."

    assert rows() == market
    assert check()[0] == 0
    assert set(RentalStatus.objects.values_list("id", "revision")) == revisions


def test_an_empty_market_is_right() -> None:
    assert rebuild() == "The status view is rebuilt. Rows: 0."
    assert check(json=True) == (0, "[]")


@pytest.mark.parametrize("page", [200, 2, 1])
def test_a_lost_view_is_rebuilt_from_its_owners(market: dict[str, Any], monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(owners, "PAGE", page)
    ItemStatus.objects.all().delete()
    RentalStatus.objects.all().delete()

    code, table = check()
    assert (code, table.count("missing")) == (1, 5)
    rebuild()

    assert rows() == market
    assert check()[0] == 0


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
def test_a_changed_rental_is_reported_and_repaired(market: dict[str, Any], column: str, value: Any) -> None:
    row = RentalStatus.objects.get(state="cancelled")
    expected = getattr(row, column)
    RentalStatus.objects.filter(id=row.id).update(**{column: value})

    code, output = check(json=True)

    assert code == 1
    [difference] = json.loads(output)
    assert (difference["kind"], difference["id"], difference["column"]) == ("rental", str(row.id), column)
    assert (difference["stored"], difference["expected"]) == (_as_json(value), _as_json(expected))
    rebuild()
    assert rows() == market


@pytest.mark.parametrize(
    ("column", "value"), [("name", "x"), ("manager_id", ids.uuid7()), ("availability", "rented"), ("current_rental_id", None)]
)
def test_a_changed_item_is_reported_and_repaired(market: dict[str, Any], column: str, value: Any) -> None:
    row = ItemStatus.objects.get(availability="reserved")
    ItemStatus.objects.filter(id=row.id).update(**{column: value})

    code, output = check(json=True)

    assert (code, [(found["id"], found["column"]) for found in json.loads(output)]) == (1, [(str(row.id), column)])
    rebuild()
    assert rows() == market


def test_a_wrong_rental_does_not_make_its_item_wrong(market: dict[str, Any]) -> None:
    waiting = RentalStatus.objects.get(state="requested")
    RentalStatus.objects.filter(id=waiting.id).update(state="returned")
    RentalStatus.objects.filter(state="cancelled").update(state="rented")

    _, output = check(json=True)

    assert {(found["kind"], found["column"]) for found in json.loads(output)} == {("rental", "state")}
    rebuild()
    assert rows() == market


def test_a_row_without_an_owner_is_reported_and_removed(market: dict[str, Any]) -> None:
    ItemStatus.objects.create(id=ids.uuid7())
    RentalStatus.objects.create(id=ids.uuid7(), item_id=ids.uuid7())
    ItemStatus.objects.create(id=ids.uuid7(), version=3, manager_id=ids.uuid7(), name="허깨비")
    RentalStatus.objects.filter(state="returned").update(id=(unowned := ids.uuid7()))

    code, output = check(json=True)

    found = [(difference["kind"], difference["stored"], difference["expected"]) for difference in json.loads(output)]
    assert (code, len(found)) == (1, 3)
    assert found.count(("item", "version 3", "missing")) == 1
    assert sum(difference["id"] == str(unowned) for difference in json.loads(output)) == 1
    rebuild()
    assert rows() == market
    assert check()[0] == 0


def test_money_that_no_rental_asked_for_is_kept(market: dict[str, Any]) -> None:
    item = ItemFacts()
    rental = RentalFacts(item)
    record(item.then(ItemRegistered), rental.then(RentalRequested), payment_fact(PaymentApproved, rental=rental, payment_id=ids.uuid7()))
    bus.run_until_idle()

    rebuild()

    assert rental_row(rental).paid == 8_000
    assert check()[0] == 0


def test_an_owner_changed_without_a_fact_is_reported(market: dict[str, Any]) -> None:
    Rental.objects.filter(state="returned").update(state="expired", version=F("version") + 1)
    Payment.objects.filter(state="approved").update(refund_due=1, refunded=1)

    code, output = check(json=True)

    assert code == 1
    assert {(found["kind"], found["column"]) for found in json.loads(output)} == {
        ("rental", name) for name in ("state", "version", "payments", "refunded")
    }


def test_a_timeline_keeps_what_was_purged_from_the_log(market: dict[str, Any]) -> None:
    newest = {row["stream"]: row["newest"] for row in Event.objects.values("stream").annotate(newest=Max("version"))}
    kept = [row.pk for row in Event.objects.all() if row.version == newest[row.stream]]
    assert Event.objects.exclude(pk__in=kept).delete()[0] > 5

    assert check()[0] == 0
    rebuild()

    assert rows() == market
    assert check()[0] == 0


def test_the_table_is_readable(market: dict[str, Any]) -> None:
    row = RentalStatus.objects.get(state="returned")
    changed = [*row.timeline[:-1], {**row.timeline[-1], "fact": "RentalForgotten"}]
    RentalStatus.objects.filter(id=row.id).update(timeline=changed, item_name="", price=7)

    _, table = check()

    lines = table.splitlines()
    assert lines[0].split() == ["ROW", "COLUMN", "VIEW", "OWNER"]
    assert [line.split()[:2] for line in lines[1:4]] == [[f"rental:{row.id}", name] for name in ("item_name", "price", "timeline")]
    assert lines[1].split()[2:] == ['""', "충전", "드릴"]
    assert lines[2].split()[2:] == ["7", "8000"]
    assert "RentalForgotten" in lines[3]
    assert "RentalReturned" in lines[3]
    assert max(map(len, lines)) < 160
    assert lines[-1] == "Differences: 3. Repair them with: manage.py rebuild_status_view"


def _damage(*kinds: str) -> int:
    return Event.objects.filter(type__in=kinds).update(payload={"odd": 1})


def test_a_rebuild_stops_at_an_unreadable_fact_and_leaves_the_rows(market: dict[str, Any]) -> None:
    _damage("rentals.RentalRequested")

    unreadable = r"cannot be read by this version of the program: event \d+, .*: rentals\.RentalRequested.*--skip-unreadable it resumes"
    with pytest.raises(CommandError, match=unreadable) as refused:
        call_command("rebuild_status_view")

    assert refused.value.returncode == 2
    assert rows() == market
    assert Rebuild.objects.get().token is None


def test_unreadable_facts_may_be_left_out_of_the_timelines(market: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    _damage("rentals.RentalPaid")

    call_command("rebuild_status_view", skip_unreadable=True, pace=1.0)

    assert capsys.readouterr().err.count("left out: event ") == 2
    built = rows()
    assert {name: row | {"timeline": None} for name, row in built.items()} == {
        name: row | {"timeline": None} for name, row in market.items()
    }
    assert all("RentalPaid" not in str(row.get("timeline")) for row in built.values())


def test_a_check_lists_unreadable_facts_and_compares_the_rest(market: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert _damage("rentals.RentalPaid", "payments.PaymentDeclined") == 3
    RentalStatus.objects.filter(state="requested").update(price=7)

    with pytest.raises(SystemExit) as ended:
        call_command("check_status_view", patience=0.0)

    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert printed.err.count("cannot be read by this version of the program: event ") == 3
    assert "  price  " in printed.out


def test_a_check_reports_that_the_view_is_behind(market: dict[str, Any]) -> None:
    subscriptions.pause(context="status_view")
    item = ItemFacts()
    record(item.then(ItemRegistered))

    _, output = check()

    assert output.splitlines()[-1] == ("Differences: 1. The view is paused (bus resume status_view): 1 pending facts may explain them.")


def test_control_characters_are_escaped_in_the_table(market: dict[str, Any]) -> None:
    RentalStatus.objects.filter(state="returned").update(item_name="evil\x1b[31m")

    _, table = check()

    assert "\x1b" not in table
    assert "evil\\x1b[31m" in table


def test_patience_is_a_number_of_seconds() -> None:
    with pytest.raises(CommandError, match="patience"):
        call_command("check_status_view", "--patience=-1")


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
