"""Who hears what stands in one place in the code and, after migrate, in a table."""

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from gdmarket.bus import registry, subscriptions
from gdmarket.bus.checks import check_sqlite
from gdmarket.bus.models import Subscription
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, Spilled, reader


def written() -> set[tuple[str, str, bool]]:
    return set(Subscription.objects.values_list("subscriber", "type", "paused"))


def test_migrate_writes_what_the_code_says(hear: Connect) -> None:
    registry.connect({Poured: [reader(RED), reader(BLUE)], Spilled: []})

    call_command("migrate", verbosity=0)

    assert written() == {(RED, "kitchen.Poured", False), (BLUE, "kitchen.Poured", False)}


def test_a_subscription_that_left_the_code_leaves_the_table(hear: Connect) -> None:
    hear({Poured: [reader(RED)], Spilled: [reader(RED)]})

    hear({Poured: [reader(RED)], Spilled: []})

    assert written() == {(RED, "kitchen.Poured", False)}


def test_a_subscriber_that_only_a_newer_process_knows_is_left_alone(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})

    hear({Poured: [reader(RED)]})

    assert written() == {(RED, "kitchen.Poured", False), (BLUE, "kitchen.Poured", False)}


def test_a_paused_context_stays_paused_for_what_it_newly_hears(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)], Spilled: []})
    subscriptions.pause(context=RED)

    hear({Poured: [reader(RED), reader(BLUE)], Spilled: [reader(RED), reader(BLUE)]})

    assert written() == {(context, name, context == RED) for context in (RED, BLUE) for name in ("kitchen.Poured", "kitchen.Spilled")}


def test_before_the_table_exists_nothing_is_written(hear: Connect) -> None:
    registry.connect({Poured: [reader(RED)]})

    subscriptions.after_migrate(using="default", apps=Apps())

    assert written() == set()


def test_two_handlers_of_one_context_cannot_hear_the_same_event(hear: Connect) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"red has two handlers for kitchen\.Poured"):
        registry.connect({Poured: [reader(RED), reader(RED)]})


def test_two_event_classes_cannot_share_a_name(hear: Connect) -> None:
    namesake = type("Poured", (), {"__module__": "apps.kitchen.events.hot"})

    with pytest.raises(ImproperlyConfigured, match=r"two event classes are called kitchen\.Poured"):
        registry.connect({Poured: [], namesake: []})


@pytest.mark.sqlite
@pytest.mark.parametrize(("version", "errors"), [((3, 34, 1), ["bus.E001"]), ((3, 35, 0), []), ((3, 46, 0), [])])
def test_an_sqlite_too_old_to_claim_deliveries_is_refused(version: tuple[int, int, int], errors: list[str]) -> None:
    found = check_sqlite(app_configs=list(apps.get_app_configs()), version=version)

    assert [error.id for error in found] == errors
