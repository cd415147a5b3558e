"""The list of rentals and a rental's page, for item managers and operators; `command_pages` has what is done there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import linebreaksbr
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.rentals.admin import blocks, words  # noqa: F401  # `blocks` registers its page
from apps.rentals.admin.command_pages import RentalCommandsAdmin, read_renters
from apps.rentals.admin.filters import WorkQueueFilter
from apps.rentals.domain import is_guest, is_overdue, shows_contact
from apps.rentals.models import Rental
from apps.rentals.queries import tables
from apps.rentals.queries.reasons import say_reason
from gdmarket import clock
from gdmarket.admin import EMPTY, badge, format_period, instant_column, is_operator, link, money_column, overdue_badge

_PAYMENT_STATES = {
    "pending": _("in progress"),
    "unknown": _("not known yet"),
    "approved": _("approved"),
    "declined": _("declined"),
    "not_sent": _("not sent"),
    "refunded": _("refunded"),
}


@admin.register(Rental)
class RentalAdmin(RentalCommandsAdmin):
    """The rentals of a manager's items; operators see everybody's."""

    list_display = ("item_name", "renter", "state_badge", "period", "price_shown", "command")
    list_filter = (WorkQueueFilter, "state", "starts_at", "ends_at")
    search_fields = ("search_text",)
    search_help_text = _("Words in the item's or the renter's name, the renter's e-mail address, or the rental's id")
    person_column, find_people = "renter_id", staticmethod(words.find_renters)
    ordering = ("-requested_at", "id")
    export_table = tables.RentalTable
    fieldsets = (
        (None, {"fields": ("item", "state_badge", "renter", "contact", "manager", "price_shown", "requested")}),
        (_("What was agreed"), {"fields": ("agreed", "item_changed")}),
        (_("Period"), {"fields": ("period", "handed_over", "returned")}),
        (_("Payment"), {"fields": ("payment", "payment_due", "paid")}),
        (_("How it ended"), {"fields": ("cancelled_by", "reason", "closed")}),
    )

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, rental: Rental) -> SafeString:
        state = badge(kind=rental.state, label=rental.get_state_display())
        if is_overdue(state=rental.state, ends_at=rental.ends_at, now=clock.now()):
            return overdue_badge()
        if rental.cancel_requested and not rental.closed_at:
            return format_html("{} {}", state, badge(kind="overdue", label=_("cancel requested")))
        return state

    @admin.display(description=_("period"), ordering="starts_at")
    def period(self, rental: Rental) -> SafeString:
        return format_period(rental.starts_at, rental.ends_at)

    price_shown = money_column("price", label=_("price"))

    @admin.display(description=_("item"))
    def item(self, rental: Rental) -> SafeString:
        return link(address=reverse("admin:items_item_change", args=[rental.item_id]), label=rental.item_name)

    @admin.display(description=_("item manager"))
    def manager(self, rental: Any) -> str:
        if not hasattr(rental, "manager_name"):  # a page of one rental
            words.read_managers([rental])
        name: str = rental.manager_name
        return name

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show operators whose each rental is."""
        shown = self.list_display
        return (*shown[:2], "manager", *shown[2:]) if is_operator(request.user) else shown

    @admin.display(description=_("renter"))
    def renter(self, rental: Any) -> str:
        if not hasattr(rental, "known_renter"):  # a page of one rental
            read_renters([rental])
        name: str = rental.known_renter.name
        return name

    @admin.display(description=_("renter"))
    def renter_link(self, rental: Rental) -> SafeString | str:
        """Return the renter with a link to the person's page, which is for operators."""
        name = self.renter(rental)
        has_page = not is_guest(renter_id=rental.renter_id)
        return link(address=reverse("admin:accounts_user_change", args=[rental.renter_id]), label=name) if has_page else name

    @admin.display(description=_("contact"))
    def contact(self, rental: Any) -> SafeString | str:
        """Return how to reach the renter, from the payment on."""
        self.renter(rental)
        return rental.known_renter.contact if shows_contact(renter_id=rental.renter_id, state=rental.state) else EMPTY

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; bookmarks of before 0.3.0 call the filter by work queue `at_hand`."""
        if "at_hand" not in request.GET:
            return super().changelist_view(request, {"opened_at": clock.now(), **(extra_context or {})})
        query = request.GET.copy()
        query["work_queue"] = query.pop("at_hand")[-1]
        return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of all renters of the page at once, and those of all managers."""
        page = super().get_changelist_instance(request)
        read_renters(page.result_list)
        if is_operator(request.user):
            words.read_managers(page.result_list)
        return page

    @admin.display(description=_("the item as agreed"))
    def agreed(self, rental: Rental) -> SafeString | str:
        """Return the terms, one a line, each with what it is now where that differs."""
        return words.agreed_lines(rental)

    @admin.display(description=_("payment"))
    def payment(self, rental: Rental) -> SafeString | str:
        if not rental.payment_state:
            return EMPTY
        return badge(kind=rental.payment_state, label=_PAYMENT_STATES.get(rental.payment_state, rental.payment_state))

    @admin.display(description=_("reason"))
    def reason(self, rental: Rental) -> SafeString | str:
        return linebreaksbr(say_reason(rental.cancel_reason), autoescape=True) or EMPTY

    requested = instant_column("requested_at", label=_("requested at"))
    item_changed = instant_column("item_changed_at", label=_("changed since"))
    payment_due = instant_column("payment_due_at", label=_("to be paid by"))
    paid = instant_column("paid_at", label=_("paid at"))
    handed_over = instant_column("handed_over_at", label=_("handed over at"))
    returned = instant_column("returned_at", label=_("returned at"))
    closed = instant_column("closed_at", label=_("closed at"))

    @admin.display(description=_("payment"))
    def payment_link(self, rental: Rental) -> SafeString | str:
        """Return the payment with a link to its page, which is for operators."""
        shown = self.payment(rental)
        if not rental.payment_id:
            return shown
        return format_html(
            "{} {}", shown, link(address=reverse("admin:payments_payment_change", args=[rental.payment_id]), label=rental.payment_id)
        )

    def get_fieldsets(self, request: HttpRequest, obj: Rental | None = None) -> Any:
        """Leave out how it ended while it has not; operators have links to the person and the payment."""
        has_ended = obj is not None and (obj.closed_at or obj.cancelled_by or obj.cancel_reason)
        shown = self.fieldsets if has_ended else self.fieldsets[:-1]
        if not is_operator(request.user):
            return shown
        linked: dict[Any, str] = {"renter": "renter_link", "payment": "payment_link"}
        return [(title, {"fields": [linked.get(name, name) for name in part["fields"]]}) for title, part in shown]
