"""The next version of the market: the one before, with one more column and the migration that adds it (expand; nothing contracts)."""

import shutil
from pathlib import Path

_PARTS = ("apps", "config", "gdmarket", "manage.py")
_ANCHOR = "    withdrawn_at = "
_MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "{before}")]
    operations = [migrations.AddField("item", "{column}", models.CharField(max_length=40, null=True, editable=False))]
"""


def write_next_version(*, before: Path, folder: Path, number: int) -> Path:
    """Write version `number` of the market, which follows the one in `before`, to a folder of its own below `folder`; return that."""
    tree = folder / f"version-{number}"
    tree.mkdir()
    for part in _PARTS:
        source = before / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tree / part)
    column = f"remark_{number}"
    models = tree / "apps" / "items" / "models" / "__init__.py"
    code = models.read_text()
    assert code.count(_ANCHOR) == 1, "apps/items/models/__init__.py has changed its shape"
    field = f"    {column} = models.CharField(max_length=40, null=True, editable=False)\n"
    models.write_text(code.replace(_ANCHOR, field + _ANCHOR))
    migrations = tree / "apps" / "items" / "migrations"
    last = max(path.stem for path in migrations.glob("0*.py"))
    name = f"{int(last[:4]) + 1:04}_{column}"
    (migrations / f"{name}.py").write_text(_MIGRATION.format(before=last, column=column))
    return tree
