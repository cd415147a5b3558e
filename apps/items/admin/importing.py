"""The pages on which a manager imports items from a file: what it would do first, then doing it, part by part."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from apps.items import queries
from apps.items.admin import history
from apps.items.errors import ImportNotFoundError, ImportRefusedError, UnknownCategoryError
from apps.items.models import Item
from apps.items.models.imports import ItemImport
from apps.items.queries import categories, imports, tables
from apps.items.services import importing
from apps.items.services.importing import PlannedRow, staging
from gdmarket import clock, sheets
from gdmarket.admin import ManagerOwnedAdmin, format_money, is_item_manager
from gdmarket.errors import DomainError
from gdmarket.sheets import reading
from gdmarket.sheets.errors import SheetTooLargeError

_SAMPLE = ("code", "name", "category", "description", "daily_price", "deposit", "pickup_place", "place", "latitude", "longitude")
_SAMPLES: Sequence[Sequence[sheets.Cell]] = (
    ("A-001", "전동 드릴 18V", "공구", "배터리 두 개, 충전기 포함", 8_000, 30_000, "", "서울시청", 37.5663, 126.9779),
    ("A-002", "4인용 텐트", "캠핑", "", 15_000, 0, "", "서울시청", 37.5663, 126.9779),
)
_KINDS = {importing.NEW: _("New"), importing.CHANGED: _("Changed"), importing.UNCHANGED: _("Unchanged"), importing.REFUSED: _("Refused")}
_PARTS_AT_ONCE = 2


class ImportingAdmin(ManagerOwnedAdmin):
    """An admin of items which managers import from files."""

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path("import/", site.admin_view(self.import_view), name="items_item_import"),
            path("import/sample.<str:kind>", site.admin_view(self.sample_view), name="items_item_import_sample"),
            path("import/<uuid:import_id>/", site.admin_view(self.imported_view), name="items_item_imported"),
            path("import/<uuid:import_id>/errors.csv", site.admin_view(self.errors_view), name="items_item_import_errors"),
            *super().get_urls(),
        ]

    @method_decorator(csrf_exempt)  # or its large form would be read before anything is asked: it checks the token itself
    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file and show what it would do."""
        manager_id = _manager(request)
        if request.method == "POST":
            return self._taken(request, manager_id)
        earlier = imports.list_imports(manager_id=manager_id)
        return self._page(request, "import", title=_("Import items"), earlier=earlier, columns=tables.labels(names=_SAMPLE))

    @method_decorator(csrf_protect)
    def _taken(self, request: HttpRequest, manager_id: UUID) -> HttpResponse:
        file: Any = request.FILES.get("file")
        try:
            if file is None:
                messages.error(request, _("Choose a file."))
                return HttpResponseRedirect(request.path)
            if file.size > reading.MOST_BYTES:
                raise SheetTooLargeError(rows=f"{reading.MOST_ROWS:,}", mebibytes=reading.MOST_BYTES // 2**20)
            raw = file.read()
            plan = importing.plan_import(table=reading.read(raw=raw), raw=raw, manager_id=manager_id)
        except DomainError as refused:
            messages.error(request, refused.message)
            return HttpResponseRedirect(request.path)
        kept = staging.keep_plan(plan=plan, file_name=file.name, manager_id=manager_id, now=clock.now())
        return HttpResponseRedirect(reverse("admin:items_item_imported", args=[kept.id]))

    def imported_view(self, request: HttpRequest, import_id: UUID) -> HttpResponse:
        """Show what a file does, and do the next part of it, or all."""
        kept = _own(request, import_id)
        if request.method == "POST":
            return self._imported(request, kept)
        counts, done = staging.count_rows(import_id=kept.id)
        parts = imports.list_parts(import_id=kept.id)
        shown = request.GET.get("kind", "")
        numbers = [number for number, part_counts in parts.values_list("number", "counts") if not shown or part_counts.get(shown)]
        asked = request.GET.get("part", "")
        number = int(asked[:6]) if asked.isascii() and asked.isdecimal() else 0
        number = number if number in numbers else (numbers or [0])[0]
        rows = [_told(row) for row in parts.get(number=number).rows if not shown or row["kind"] == shown] if number else []
        at = numbers.index(number) if number else 0
        return self._page(
            request,
            "imported",
            title=kept.file_name,
            kept=kept,
            done=done,
            is_over=done >= kept.total,
            may_be_whole=kept.total <= staging.MOST_WHOLE and not done and not counts[importing.REFUSED],
            most_whole=f"{staging.MOST_WHOLE:,}",
            kinds=[(kind, label, counts[kind]) for kind, label in _KINDS.items()],
            to_do=counts[importing.NEW] + counts[importing.CHANGED],
            shown=shown,
            rows=rows,
            before=numbers[at - 1] if at else None,
            after=numbers[at + 1] if at + 1 < len(numbers) else None,
            page=(at + 1, len(numbers)),
        )

    def _imported(self, request: HttpRequest, kept: ItemImport) -> HttpResponse:
        names = {"import_id": kept.id, "manager_id": kept.manager_id}
        try:
            if request.POST.get("how") == "whole":
                self._log(request, staging.import_whole(now=clock.now(), **names))
            else:
                for _turn in range(_PARTS_AT_ONCE):
                    self._log(request, staging.import_next(now=clock.now(), **names))
        except ImportRefusedError as refused:
            staging.note_refusal(import_id=kept.id, refusal=refused)
        except DomainError as refused:
            messages.error(request, refused.message)
        if "application/json" in request.headers.get("Accept", ""):
            _counts, done = staging.count_rows(import_id=kept.id)
            return JsonResponse({"done": done, "total": kept.total})
        return HttpResponseRedirect(request.path)

    def errors_view(self, request: HttpRequest, import_id: UUID) -> HttpResponseBase:
        """Send the refused rows as a file, each error with its row."""
        kept = _own(request, import_id)
        headings = [gettext("Row"), gettext("name"), gettext("Column"), gettext("What is wrong")]
        return sheets.download(kind="csv", name=f"{kept.file_name} - {gettext('errors')}", headings=headings, rows=_errors(kept.id))

    def sample_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Send a file to begin with."""
        _manager(request)
        if kind not in sheets.TYPES:
            raise Http404
        return sheets.download(kind=kind, name=gettext("items to import"), headings=tables.labels(names=_SAMPLE), rows=_SAMPLES)

    def _log(self, request: HttpRequest, rows: Sequence[PlannedRow]) -> None:
        """Write what was imported into the items' history."""
        items = {str(item.id): item for item in queries.list_items(item_ids=[UUID(row["id"]) for row in rows])}
        type_id, person = ContentType.objects.get_for_model(self.model).pk, cast("UUID", request.user.pk)
        LogEntry.objects.bulk_create(
            LogEntry(
                user_id=person,
                content_type_id=type_id,
                object_id=row["id"],
                object_repr=row["name"][:200],
                action_flag=CHANGE if row["kind"] == importing.CHANGED else ADDITION,
                change_message=json.dumps(_message(row, items[row["id"]])),
            )
            for row in rows
        )

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/items/item/{template}.html", context)


def _manager(request: HttpRequest) -> UUID:
    """Return the manager who asks: nobody else has items to import."""
    if not is_item_manager(request.user):
        raise PermissionDenied
    person: Any = request.user
    manager_id: UUID = person.pk
    return manager_id


def _own(request: HttpRequest, import_id: UUID) -> ItemImport:
    try:
        return staging.get_import(import_id=import_id, manager_id=_manager(request))
    except ImportNotFoundError as missing:
        raise Http404 from missing


def _told(row: PlannedRow) -> dict[str, Any]:
    """Return a row for the page: columns by their names, and what is written where it is new."""
    details = row["details"] if row["kind"] == importing.NEW else {}
    return {
        **row,
        "label": _KINDS[row["kind"]],
        "changes": [(gettext(_name(column)), before, after) for column, before, after in row["changes"]],
        "errors": [(gettext(_name(column)) if column else "", message) for column, message in row["errors"]],
        "price": format_money(details["daily_price"], "KRW") if details else "",
        "category": details.get("category", ""),
    }


def _name(column: str) -> str:
    return tables.HEADINGS[column][0] if column in tables.HEADINGS else column


def _errors(import_id: UUID) -> Iterator[Sequence[sheets.Cell]]:
    for part in imports.list_parts(import_id=import_id).iterator(chunk_size=1):
        for row in part.rows:
            for column, message in row["errors"]:
                yield [row["number"], row["name"], _name(column), message]


def _message(row: PlannedRow, item: Item) -> list[dict[str, Any]]:
    """Return what Django's history says of a row: what was changed, from what to what."""
    if row["kind"] == importing.NEW:
        return [{"added": {}}]
    before = {column: _value(column, written) for column, written, _after in row["changes"]}
    return history.changes(before=before, after=history.values_of(item), model=Item, version=item.version)


def _value(column: str, written: str) -> Any:
    """Return what an item had, as its history keeps it."""
    if column in {"daily_price", "deposit"}:
        return int(written)
    if column in {"latitude", "longitude"}:
        return float(written)
    if column == "category":
        try:
            return categories.get_category(category=written).key
        except UnknownCategoryError:
            return written
    return written or (None if column in {"code", "pickup_place"} else "")
