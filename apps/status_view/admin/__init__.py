"""통합상태 in the web admin: item managers see their own items and rentals, operators all, read-only.

Handing over and taking back are commands of rentals; the buttons here post to its URLs.
"""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone, localdate
from django.utils.translation import gettext_lazy as _

from apps.accounts import facade as accounts
from apps.status_view import domain, queries
from apps.status_view.admin import labels
from apps.status_view.admin.labels import Labels
from apps.status_view.models import ItemStatus, RentalStatus
from apps.status_view.queries import WorkQueue
from apps.status_view.services import owners
from gdmarket import clock
from gdmarket.admin import (
    EMPTY,
    CategoryFilter,
    ManagerOwnedAdmin,
    badge,
    command_button,
    format_instant,
    format_money,
    format_period,
    instant_column,
    link,
    money_column,
)
from gdmarket.errors import NotFoundError

WORK_QUEUES = {
    WorkQueue.TO_HAND_OVER: _("To hand over today"),
    WorkQueue.OUT: _("Out now"),
    WorkQueue.OVERDUE: _("Overdue"),
    WorkQueue.UNPAID: _("Waiting for payment"),
}
_COMMANDS = {"paid": ("hand-over", _("Hand over")), "rented": ("take-back", _("Take back"))}


def day_ends_at() -> datetime:
    """Return the next midnight in the time zone of the admin."""
    return datetime.combine(localdate(clock.now()) + timedelta(days=1), time.min, tzinfo=get_current_timezone())


class _LabelFilter(admin.SimpleListFilter):
    """Filters by a column whose values have labels."""

    labels_by_value: Labels

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, str(label)) for value, label in self.labels_by_value.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value in self.labels_by_value else queryset


class _StateFilter(_LabelFilter):
    title, parameter_name, labels_by_value = _("state"), "state", labels.STATES


class _ItemStateFilter(_LabelFilter):
    title, parameter_name, labels_by_value = _("listing"), "state", labels.ITEM_STATES


class _AvailabilityFilter(_LabelFilter):
    title, parameter_name, labels_by_value = _("availability"), "availability", labels.AVAILABILITIES


class _WorkQueueFilter(_LabelFilter):
    """Filters by a work queue of the manager."""

    title, parameter_name, labels_by_value = _("to look after"), "at_hand", {queue.value: label for queue, label in WORK_QUEUES.items()}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        in_queue = queries.in_work_queue(queue=WorkQueue(value), day_ends_at=day_ends_at()) if value in self.labels_by_value else Q()
        return queryset.filter(in_queue)


class _Status(ManagerOwnedAdmin):
    """Rows whose owner's facts have arrived; others are shown to nobody."""

    find_people = staticmethod(accounts.find_people)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(version__gt=0)


@admin.register(ItemStatus)
class ItemStatusAdmin(_Status):
    """The state of every item."""

    list_display = ("name", "place", "price", "state_badge", "current_rental", "payment")
    list_filter = (_AvailabilityFilter, _ItemStateFilter, CategoryFilter)
    search_fields = ("search_text",)
    search_help_text = _("Words in name, category or place, or the renter's name or e-mail address")
    person_column = "current_renter_id"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("name", "category", "place", "price", "state_badge", "updated")}),
        (_("current rental"), {"fields": ("current_rental", "current_renter", "payment")}),
    )

    price = money_column("daily_price", label=_("daily price"))

    @admin.display(description=_("state"), ordering="availability")
    def state_badge(self, item: ItemStatus) -> SafeString:
        withdrawn = item.state == "withdrawn"
        return _badge(labels.ITEM_STATES, item.state) if withdrawn else _badge(labels.AVAILABILITIES, item.availability)

    @admin.display(description=_("current rental"), ordering="current_starts_at")
    def current_rental(self, item: ItemStatus) -> SafeString | str:
        if item.current_rental_id is None:
            return EMPTY
        address = reverse("admin:status_view_rentalstatus_change", args=[item.current_rental_id])
        shown = link(address=address, label=format_period(item.current_starts_at, item.current_ends_at))
        return format_html("{} {}", _rental_badge(item.current_state, overdue=item.current_overdue), shown)

    @admin.display(description=_("renter"))
    def current_renter(self, item: ItemStatus) -> str:
        return _name(item.current_renter_id)

    @admin.display(description=_("payment"))
    def payment(self, item: ItemStatus) -> SafeString | str:
        return _badge(labels.PAYMENT_STATES, item.payment_state)

    updated = instant_column("updated_at", label=_("updated"))


@admin.register(RentalStatus)
class RentalStatusAdmin(_Status):
    """The state of every rental, and its timeline."""

    list_display = ("item_name", "state_badge", "period", "turn_until", "paid_of_price", "command")
    list_filter = (_WorkQueueFilter, _StateFilter, "requested_at")
    search_fields = ("search_text",)
    search_help_text = _("Words in the item's or the renter's name, the renter's e-mail address, or the rental's id")
    person_column = "renter_id"
    ordering = ("-requested_at", "id")
    # No actions on chosen rows; the list's form has the buttons of each row.
    actions = None
    fieldsets = (
        (None, {"fields": ("item", "state_badge", "turn_until", "period", "cancelled", "command")}),
        (_("people"), {"fields": ("renter", "manager")}),
        (_("money"), {"fields": ("price_shown", "paid_shown", "refunded_shown", "payment")}),
        (_("timeline"), {"fields": ("facts",)}),
    )

    @admin.display(description=_("item"))
    def item(self, rental: RentalStatus) -> SafeString:
        return link(address=reverse("admin:status_view_itemstatus_change", args=[rental.item_id]), label=rental.item_name)

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, rental: RentalStatus) -> SafeString:
        state = _rental_badge(rental.state, overdue=rental.overdue)
        if rental.cancel_requested and rental.state in {"paying", "refunding"}:
            return format_html("{} {}", state, badge(kind="overdue", label=_("cancel requested")))
        return state

    @admin.display(description=_("whose turn"))
    def turn_until(self, rental: RentalStatus) -> SafeString | str:
        who, until = labels.NEXT_ACTORS[domain.next_actor(state=rental.state)], domain.deadline(rental=vars(rental))
        return format_html(str(_("{who}, until {until}")), who=who, until=format_instant(until)) if until else str(who)

    @admin.display(description=_("cancelled by"))
    def cancelled(self, rental: RentalStatus) -> Promise | str:
        return labels.PARTIES.get(rental.cancelled_by or "", EMPTY)

    @admin.display(description=_("period"), ordering="starts_at")
    def period(self, rental: RentalStatus) -> SafeString:
        return format_period(rental.starts_at, rental.ends_at)

    @admin.display(description=_("paid of the price"), ordering="price")
    def paid_of_price(self, rental: RentalStatus) -> str:
        return f"{format_money(rental.paid - rental.refunded, rental.currency)} / {format_money(rental.price, rental.currency)}"

    price_shown = money_column("price", label=_("price"))
    paid_shown = money_column("paid", label=_("paid"))
    refunded_shown = money_column("refunded", label=_("refunded"))

    @admin.display(description=_("payment"))
    def payment(self, rental: RentalStatus) -> SafeString | str:
        return _badge(labels.PAYMENT_STATES, rental.payment_state)

    @admin.display(description=_("renter"))
    def renter(self, rental: RentalStatus) -> str:
        return _name(rental.renter_id)

    @admin.display(description=_("item manager"))
    def manager(self, rental: RentalStatus) -> str:
        return _name(rental.manager_id)

    @admin.display(description=_("next step"))
    def command(self, rental: RentalStatus) -> SafeString | str:
        if rental.state not in _COMMANDS:
            return EMPTY
        command, label = _COMMANDS[rental.state]
        return command_button(address=reverse(f"admin:rentals_rental_{command}", args=[rental.id]), label=label, about=rental.item_name)

    @admin.display(description=_("timeline"))
    def facts(self, rental: RentalStatus) -> SafeString:
        """Return the facts as a list, the oldest first."""
        entries = format_html_join(
            "", '<li><time datetime="{}">{}</time> <span>{}{}</span></li>', map(labels.timeline_entry, rental.timeline)
        )
        return format_html('<ol class="timeline">{}</ol>', entries)


def _badge(labels: Labels, value: str | None) -> SafeString:
    return badge(kind=value, label=labels.get(value, value)) if value else EMPTY


def _rental_badge(state: str | None, *, overdue: bool | None) -> SafeString:
    return badge(kind="overdue", label=_("overdue")) if overdue and state == "rented" else _badge(labels.STATES, state)


def _name(person_id: UUID | None) -> str:
    if person_id is None:
        return EMPTY
    try:
        return accounts.get_person(user_id=person_id).display_name
    except NotFoundError:
        return owners.find_guest_name(renter_id=person_id) or str(person_id)
