"""Index the words in items' texts, where items are, and their order from any depth on.

On PostgreSQL all of it is indexes, built beside writers, over every row, whoever wrote it. SQLite has no index on an expression of
several keys: a table of FTS5 is one. Triggers fill it in, so that rows of the version before are in it, too; what was there before is filled in page by page.
"""

import sys
from typing import Any, ClassVar

from django.db import DatabaseError, migrations, models, transaction

from gdmarket.indexing import BuildIndex, DropIndex, index_columns

_PAGE = 1_000
_LISTED = models.Q(state="listed")
_WHERE = "WHERE state = 'listed'"
# Bigrams, and once more, marked with ^, those of the first line, the name. The last character of a line stands alone.
_FUNCTION = r"""
    CREATE OR REPLACE FUNCTION items_bigrams(folded text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_agg(bigram)) FROM (
        SELECT x || CASE WHEN y <> E'\n' THEN y ELSE '' END AS bigram
        FROM unnest(string_to_array(folded, NULL), (string_to_array(folded, NULL))[2:]) AS pair (x, y) WHERE x <> E'\n'
        UNION ALL
        SELECT '^' || x || coalesce(y, '')
        FROM unnest(
            string_to_array(split_part(folded, E'\n', 1), NULL), (string_to_array(split_part(folded, E'\n', 1), NULL))[2:]
        ) AS pair (x, y)
    ) AS bigrams
    $$
"""
# FTS5 takes a line break between words. One number for each character, as SQLite has no series: that many zeros of JSON.
_BIGRAMS = """(
    SELECT group_concat(
        substr({text}, "key" + 1, 2) || CASE WHEN "key" < instr({text}, char(10)) - 1 THEN ' ^' || substr({text}, "key" + 1, 2) ELSE '' END, ' '
    ) FROM json_each('[0' || replace(substr(hex(zeroblob(length({text}))), 2, length({text}) - 1), '0', ',0') || ']')
)"""
_TRIGGERS = {
    "items_bigrams_insert": """
        AFTER INSERT ON items_item BEGIN
            INSERT INTO items_bigrams_row (item_id) VALUES (NEW.id);
            INSERT INTO items_bigrams (rowid, bigrams) SELECT number, {new} FROM items_bigrams_row WHERE item_id = NEW.id;
        END""",
    "items_bigrams_update": """
        AFTER UPDATE OF search_text ON items_item
        WHEN OLD.search_text <> NEW.search_text AND EXISTS (SELECT 1 FROM items_bigrams_row WHERE item_id = OLD.id) BEGIN
            INSERT INTO items_bigrams (items_bigrams, rowid, bigrams) SELECT 'delete', number, {old} FROM items_bigrams_row WHERE item_id = OLD.id;
            INSERT INTO items_bigrams (rowid, bigrams) SELECT number, {new} FROM items_bigrams_row WHERE item_id = NEW.id;
        END""",
    "items_bigrams_delete": """
        AFTER DELETE ON items_item BEGIN
            INSERT INTO items_bigrams (items_bigrams, rowid, bigrams) SELECT 'delete', number, {old} FROM items_bigrams_row WHERE item_id = OLD.id;
            DELETE FROM items_bigrams_row WHERE item_id = OLD.id;
        END""",
}


def add_words(_apps: Any, schema_editor: Any) -> None:
    """Create what the index of words is made of, and on SQLite fill it in; an SQLite without FTS5 has none, and `manage.py doctor` says so."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_FUNCTION, None)
        return
    try:
        schema_editor.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.items_probe USING fts5 (bigrams)")
        schema_editor.execute("DROP TABLE temp.items_probe")
    except DatabaseError:
        return
    schema_editor.execute("CREATE TABLE IF NOT EXISTS items_bigrams_row (number integer PRIMARY KEY, item_id char(32) NOT NULL UNIQUE)")
    schema_editor.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS items_bigrams"
        " USING fts5 (bigrams, content='', columnsize=0, detail=none, tokenize=\"ascii tokenchars '$^'\")"
    )
    pairs = {"new": _BIGRAMS.format(text="NEW.search_text"), "old": _BIGRAMS.format(text="OLD.search_text")}
    for name, trigger in _TRIGGERS.items():
        schema_editor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {trigger.format(**pairs)}")
    _fill(schema_editor.connection)
    # Searches use the index once this is there: before, items are missing from it.
    schema_editor.execute("CREATE VIEW IF NOT EXISTS items_bigrams_filled AS SELECT 1 AS is_filled")


def _fill(connection: Any) -> None:
    """Add the items that no trigger added, page by page, each in a transaction of its own."""
    page = f"""
        INSERT INTO items_bigrams_row (item_id)
        SELECT id FROM items_item WHERE id > %s AND id NOT IN (SELECT item_id FROM items_bigrams_row) ORDER BY id LIMIT {_PAGE}
    """  # noqa: S608  # a constant
    bigrams = f"""
        INSERT INTO items_bigrams (rowid, bigrams) SELECT number, {_BIGRAMS.format(text="search_text")}
        FROM items_bigrams_row JOIN items_item ON items_item.id = item_id WHERE number > %s
    """  # noqa: S608  # a constant
    done, last, found = 0, "", _PAGE
    while found:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(number), 0) FROM items_bigrams_row")
            (before,) = cursor.fetchone()
            cursor.execute(page, [last])
            found = max(cursor.rowcount, 0)
            cursor.execute(bigrams, [before])
            cursor.execute("SELECT coalesce(max(item_id), %s) FROM items_bigrams_row WHERE number > %s", [last, before])
            (last,) = cursor.fetchone()
        done += found
        if done and done % (20 * _PAGE) == 0:
            print(f"items_bigrams: {done} items", file=sys.stderr)  # noqa: T201  # progress of a command


def remove_words(_apps: Any, schema_editor: Any) -> None:
    """Drop what `add_words` made."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS items_bigrams(text) CASCADE")
        return
    schema_editor.execute("DROP VIEW IF EXISTS items_bigrams_filled")
    for name in _TRIGGERS:
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
    schema_editor.execute("DROP TABLE IF EXISTS items_bigrams")
    schema_editor.execute("DROP TABLE IF EXISTS items_bigrams_row")


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0007_place_seeds")]

    operations: ClassVar[list[Any]] = [
        migrations.RunPython(add_words, remove_words),
        BuildIndex("items_bigrams", {"postgresql": f"items_item USING gin (items_bigrams(search_text)) {_WHERE}"}),
        BuildIndex(
            "items_near",
            {
                "postgresql": "items_item (floor((shown_latitude + 90) * 2000::double precision), shown_longitude, shown_latitude, id) "
                + _WHERE,
                "sqlite": f"items_item (CAST((shown_latitude + 90) * 2000 AS INTEGER), shown_longitude, shown_latitude, id) {_WHERE}",
            },
        ),
        index_columns("items_item", "items_newest_first", ["-registered_at", "-id"], condition=_LISTED, where=_WHERE),
        index_columns(
            "items_item", "items_category_newest_first", ["category_key", "-registered_at", "-id"], condition=_LISTED, where=_WHERE
        ),
        # The version before uses these, so they stay in the database; a later version drops them.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex("item", name) for name in ("items_newest", "items_category_key_newest", "items_by_shown_place")
            ]
        ),
        # No version has used it since 0.1.0.
        DropIndex("items_category_newest", f"items_item (category, registered_at DESC, id) {_WHERE}"),
    ]
