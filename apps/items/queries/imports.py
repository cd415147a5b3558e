"""What is kept of the files of items that managers sent."""

from uuid import UUID

from django.db.models import QuerySet

from apps.items.models.imports import ItemImport, ItemImportPart


def list_imports(*, manager_id: UUID) -> QuerySet[ItemImport]:
    """List a manager's imports, the newest first: few are kept."""
    return ItemImport.objects.filter(manager_id=manager_id).order_by("-id")


def list_parts(*, import_id: UUID) -> QuerySet[ItemImportPart]:
    """List the parts of an import in their order."""
    return ItemImportPart.objects.filter(item_import=import_id).order_by("number")
