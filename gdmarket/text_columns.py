"""Columns of text: names that every database puts into one order, and what is compared instead of the text that people wrote."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import AlterField, RunSQL, SeparateDatabaseAndState
from django.utils.translation import gettext_lazy as _

from gdmarket import text

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
    _EmailField = models.EmailField[str, str]
    _TextField = models.TextField[str | None, str | None]
else:  # Django's classes are not generic at run time
    _CharField, _EmailField, _TextField = models.CharField, models.EmailField, models.TextField
_PAGE = 500
Row = TypeVar("Row", bound=models.Model)
Shape = TypeVar("Shape")


def refuse_what_shows_nothing(name: str) -> None:
    """Validate the text of a form.

    :raises ValidationError: if a reader would see nothing of it
    """
    if not text.shows_something(text=name):
        raise ValidationError(_("This shows nothing: only spaces or invisible characters."), code="blank")


class ByCodePoint:
    """Orders a column by code points, whatever the database's own order is. SQLite does so by itself.

    PostgreSQL's libc locales, such as the en_US.UTF-8 of its container image, give Korean syllables no weight: names are ordered by length.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Return Django's parameters of the column with a collation where one is needed."""
        parameters = super().db_parameters(connection)  # type: ignore[misc]  # of the field that this is mixed into
        return {**parameters, "collation": "C" if connection.vendor == "postgresql" else None}


class NameField(ByCodePoint, _CharField):
    """A name: the same order on every database."""


class AddressField(ByCodePoint, _EmailField):
    """An e-mail address: the same order on every database."""


class FoldedField(_TextField):
    """What searches compare: the columns `of` the same row, folded, filled in whenever it is saved.

    `save(update_fields=…)` must name it, and `update()` does not fill it in.
    """

    def __init__(self, *, of: Sequence[str], **options: Any) -> None:
        """Name the columns that it follows from."""
        self.of = tuple(of)
        super().__init__(**{"editable": False, **options})

    def deconstruct(self) -> Any:
        """Return how a migration writes it."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: FBT001  # Django's hook
        """Fold the columns of the row that is about to be saved."""
        folded = self.fold(model_instance)
        setattr(model_instance, self.attname, folded)
        return folded

    def fold(self, row: models.Model) -> str:
        """Return what the column should hold."""
        return text.search_text(*(getattr(row, name) for name in self.of))


def holding(*, rows: "models.QuerySet[Row, Shape]", words: str) -> "models.QuerySet[Row, Shape]":
    """Keep the rows whose `search_text` holds every one of the words: all rows for a blank, none for punctuation alone."""
    wanted = text.words(text=words)
    if not wanted and text.shows_something(text=words):
        return rows.none()
    for word in wanted:
        rows = rows.filter(search_text__contains=word)
    return rows


class _OnPostgresql(RunSQL):
    """SQL for PostgreSQL alone."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)


def alter_to_names(table: str, **columns: "models.CharField[Any, Any]") -> SeparateDatabaseAndState:
    """Return the operation of a migration that makes columns of a table `<app>_<model>` `NameField`s.

    On SQLite nothing changes, where altering would recreate the table. On PostgreSQL no row is rewritten; the columns' indexes are built
    anew and their constraints checked while the table is locked.
    """
    types = {name: f"ALTER COLUMN {name} TYPE varchar({field.max_length})" for name, field in columns.items()}
    forwards = ", ".join(f'{kind} COLLATE "C"' for kind in types.values())
    model = table.rpartition("_")[2]
    return SeparateDatabaseAndState(
        state_operations=[AlterField(model, name, field) for name, field in columns.items()],
        database_operations=[_OnPostgresql(f"ALTER TABLE {table} {forwards}", f"ALTER TABLE {table} {', '.join(types.values())}")],
    )


def folded_columns(model: type[models.Model]) -> list[FoldedField]:
    """Return the folded columns of a model."""
    return [field for field in model._meta.concrete_fields if isinstance(field, FoldedField)]  # noqa: SLF001  # Django documents it


def folded_models() -> list[type[models.Model]]:
    """Return the models that have folded columns."""
    return [model for model in apps.get_models() if folded_columns(model)]


def unfolded(model: type[models.Model]) -> "models.QuerySet[Any]":
    """Return the rows of a model that the version before wrote: their folded columns are null."""
    is_null = [models.Q(**{f"{column.attname}__isnull": True}) for column in folded_columns(model) if column.null]
    return model._default_manager.filter(reduce(or_, is_null, models.Q(pk__in=[])))  # noqa: SLF001  # Django documents it


def refold(*, rows: "models.QuerySet[Row, Row]") -> int:
    """Fill in the folded columns of rows, page by page in the order of their keys, and return how many rows changed. It can be repeated.

    For migrations, and for rows that a version before wrote, which does not know these columns.
    """
    columns, changed = folded_columns(rows.model), 0
    page = list(rows.order_by("pk")[:_PAGE])
    while page:
        stale = [row for row in page if any(getattr(row, column.attname) != column.fold(row) for column in columns)]
        with transaction.atomic(using=rows.db):
            for row in stale:
                # Only where nobody changed the row meanwhile, who would have filled it in.
                as_read = {name: getattr(row, name) for column in columns for name in column.of}
                changed += rows.filter(pk=row.pk, **as_read).update(**{column.attname: column.fold(row) for column in columns})
        page = list(rows.order_by("pk").filter(pk__gt=page[-1].pk)[:_PAGE])
    return changed
