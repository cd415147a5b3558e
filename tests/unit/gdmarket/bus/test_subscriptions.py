"""The subscriptions of the code, and after `migrate` of a table."""

import pytest
from django.apps import apps
from django.apps.registry import Apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from gdmarket.bus import registry, subscriptions
from gdmarket.bus.checks import check_sqlite
from gdmarket.bus.models import Subscription
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, Removed, handler_of


def written() -> set[tuple[str, str, bool]]:
    return set(Subscription.objects.values_list("subscriber", "type", "paused"))


def test_migrate_writes_the_subscriptions_of_the_code(connect: Connect) -> None:
    registry.connect({Added: [handler_of(RED), handler_of(BLUE)], Removed: []})

    call_command("migrate", verbosity=0)

    assert written() == {(RED, "sample.Added", False), (BLUE, "sample.Added", False)}


def test_a_subscription_that_left_the_code_leaves_the_table(connect: Connect) -> None:
    connect({Added: [handler_of(RED)], Removed: [handler_of(RED)]})

    connect({Added: [handler_of(RED)], Removed: []})

    assert written() == {(RED, "sample.Added", False)}


def test_a_subscriber_only_a_newer_process_knows_is_kept(connect: Connect) -> None:
    connect({Added: [handler_of(RED), handler_of(BLUE)]})

    connect({Added: [handler_of(RED)]})

    assert written() == {(RED, "sample.Added", False), (BLUE, "sample.Added", False)}


def test_a_paused_context_is_paused_for_new_subscriptions(connect: Connect) -> None:
    connect({Added: [handler_of(RED), handler_of(BLUE)], Removed: []})
    subscriptions.pause(context=RED)

    connect({Added: [handler_of(RED), handler_of(BLUE)], Removed: [handler_of(RED), handler_of(BLUE)]})

    assert written() == {(context, name, context == RED) for context in (RED, BLUE) for name in ("sample.Added", "sample.Removed")}


def test_before_the_table_exists_nothing_is_written(connect: Connect) -> None:
    registry.connect({Added: [handler_of(RED)]})

    subscriptions.after_migrate(using="default", apps=Apps())

    assert written() == set()


def test_a_context_cannot_have_two_handlers_for_an_event(connect: Connect) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"red has two handlers for sample\.Added"):
        registry.connect({Added: [handler_of(RED), handler_of(RED)]})


def test_two_event_classes_cannot_share_a_name(connect: Connect) -> None:
    namesake = type("Added", (), {"__module__": "apps.sample.events.hot"})

    with pytest.raises(ImproperlyConfigured, match=r"two event classes are called sample\.Added"):
        registry.connect({Added: [], namesake: []})


@pytest.mark.sqlite
@pytest.mark.parametrize(("version", "errors"), [((3, 34, 1), ["bus.E001"]), ((3, 35, 0), []), ((3, 46, 0), [])])
def test_an_sqlite_too_old_to_claim_deliveries_is_refused(version: tuple[int, int, int], errors: list[str]) -> None:
    found = check_sqlite(app_configs=list(apps.get_app_configs()), version=version)

    assert [error.id for error in found] == errors
