"""Pausing items and resuming them: one on its page, several from the list."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from apps.items.domain import ItemState
from apps.items.models import Item
from apps.items.services import pausing
from gdmarket import clock
from gdmarket.errors import DomainError

MAX_PAUSED_AT_ONCE = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class _Command:
    """A command on items in the state `of`."""

    service: Callable[..., Item]
    of: ItemState
    done: Any
    skipped: Any


_COMMANDS = {
    "pause": _Command(
        service=pausing.pause_item,
        of=ItemState.LISTED,
        done=ngettext_lazy("%(count)d item was paused.", "%(count)d items were paused.", "count"),
        skipped=ngettext_lazy(
            "%(count)d item was left as it is: it is paused or withdrawn.",
            "%(count)d items were left as they are: they are paused or withdrawn.",
            "count",
        ),
    ),
    "resume": _Command(
        service=pausing.resume_item,
        of=ItemState.PAUSED,
        done=ngettext_lazy("%(count)d item was resumed.", "%(count)d items were resumed.", "count"),
        skipped=ngettext_lazy(
            "%(count)d item was left as it is: it is not paused.", "%(count)d items were left as they are: they are not paused.", "count"
        ),
    ),
}


class PausingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """An admin of items with two actions and a button to pause and to resume them."""

    changes_of: Callable[..., list[dict[str, Any]]]

    @admin.action(description=_("Pause the chosen items"), permissions=["change"])
    def pause(self, request: HttpRequest, items: QuerySet[Item]) -> None:
        self._command_chosen(request, items, _COMMANDS["pause"])

    @admin.action(description=_("Resume the chosen items"), permissions=["change"])
    def resume(self, request: HttpRequest, items: QuerySet[Item]) -> None:
        self._command_chosen(request, items, _COMMANDS["resume"])

    def pausing_view(self, request: HttpRequest, item_id: Any, command: str) -> HttpResponse:
        """Pause or resume an item, and show its page again; a page that was reloaded changes nothing."""
        item = self.get_object(request, str(item_id))
        if item is None or not self.has_change_permission(request, item):
            raise PermissionDenied
        if request.method == "POST":
            self._command_items(request, [item], _COMMANDS[command])
        return HttpResponseRedirect(reverse("admin:items_item_change", args=[item_id]))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.pausing_view)
        commands = [path(f"<uuid:item_id>/{name}/", view, {"command": name}, name=f"items_item_{name}") for name in _COMMANDS]
        return [*commands, *super().get_urls()]

    def _command_chosen(self, request: HttpRequest, items: QuerySet[Item], command: _Command) -> None:
        chosen = list(items.order_by("name", "pk")[: MAX_PAUSED_AT_ONCE + 1])
        if len(chosen) > MAX_PAUSED_AT_ONCE:
            self.message_user(request, _("Choose up to 50 items."), messages.WARNING)
            return
        self._command_items(request, chosen, command)

    def _command_items(self, request: HttpRequest, items: list[Item], command: _Command) -> None:
        done = skipped = 0
        for item in items:
            if item.state != command.of:
                skipped += 1
                continue
            now = clock.now()
            try:
                saved = command.service(item_id=item.id, by=item.manager_id, now=now)
            except DomainError as refused:
                self.message_user(request, f"{item.name}: {refused.message}", messages.ERROR)
                continue
            if saved.updated_at != now:  # somebody else was faster
                skipped += 1
                continue
            self.log_change(request, item, self.changes_of(before={"state": item.state}, saved=saved))
            done += 1
        if done:
            self.message_user(request, command.done % {"count": done}, messages.SUCCESS)
        if skipped:
            self.message_user(request, command.skipped % {"count": skipped}, messages.WARNING)
