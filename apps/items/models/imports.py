"""The tables of imports: files that managers sent, as what each row would do, and did, until four newer files of the manager came."""

from django.db import models

from gdmarket import ids


class ItemImport(models.Model):
    """A file of items that a manager sent. `refusal` is why nothing of it was imported, in the manager's language."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    manager_id = models.UUIDField(db_index=True)
    file_name = models.CharField(max_length=100)
    left_out = models.JSONField(default=list)
    total = models.PositiveIntegerField()
    is_started = models.BooleanField(default=False)
    refusal = models.TextField(default="", blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the file's name."""
        return self.file_name


class ItemImportPart(models.Model):
    """Some rows of a file, `importing.PlannedRow`s in their order, and how many of them are of which kind; they are imported together."""

    item_import = models.ForeignKey(ItemImport, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = models.JSONField()
    counts = models.JSONField()
    is_done = models.BooleanField(default=False)

    class Meta:
        """The key."""

        constraints = (models.UniqueConstraint(fields=["item_import", "number"], name="items_import_part"),)

    def __str__(self) -> str:
        """Return the number."""
        return str(self.number)
