"""The index of the words in items' texts: every two neighbouring characters of `search_text`, those of the name once more, marked.

A word of Korean is often two syllables long, or one, so that nothing longer can be indexed. On PostgreSQL it is a GIN index on a function
of the column, on SQLite an FTS5 table that triggers fill in: neither needs anything of the program that writes a row. What an index finds
may hold the pairs of a word and not the word: the row itself is compared after it.
"""

from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.db.models import BooleanField, Func, TextField

from gdmarket import databases

INDEX = "items_words"
IN_NAME = "^"
"""Marks a pair of the name. No folded text has the character."""
_COUNT = {
    "postgresql": (
        # Of no columns: where all rows of a page are visible, PostgreSQL does not read it.
        "SELECT count(*) FROM (SELECT FROM items_item WHERE state = 'listed' AND items_grams(search_text) @@ %s::tsquery LIMIT %s) AS found"
    ),
    "sqlite": "SELECT count(*) FROM (SELECT 1 FROM items_words WHERE items_words MATCH %s LIMIT %s)",
}
_EXISTS = {
    "postgresql": "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('items_words') AND indisvalid",
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'items_words_insert'",
}
_has_index: set[str] = set()


class GramsField(TextField):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Words as the query of a database's index."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> str:  # noqa: FBT001, FBT002  # Django's hook
        """Return the query for the pairs of all words."""
        return match(value, vendor=connection.vendor)


class Match(Func):
    """Whether the index has the pairs of the words in an item: `Match("search_text", "id", words)`, the words a value of `GramsField`."""

    conditional = True
    output_field = BooleanField()

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        (text, _), (query, given) = (compiler.compile(self.get_source_expressions()[at]) for at in (0, 2))
        return f"items_grams({text}) @@ {query}::tsquery", given

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        (key, _), (query, given) = (compiler.compile(self.get_source_expressions()[at]) for at in (1, 2))
        rows = f"SELECT rowid FROM items_words WHERE items_words MATCH {query}"  # noqa: S608  # a placeholder
        return f"{key} IN (SELECT item_id FROM items_words_row WHERE number IN ({rows}))", given  # noqa: S608  # the same


def match(words: Iterable[str], *, vendor: str) -> str:
    """Return the index's query for rows that hold the pairs of all words; of a word of one character for those that begin a pair with it.

    A word that begins with `IN_NAME` is looked for in names.
    """
    pairs: dict[str, None] = {}
    for word in words:
        mark, bare = (IN_NAME, word[1:]) if word.startswith(IN_NAME) else ("", word)
        last = len(bare) - 1 if len(bare) > 1 else 1
        pairs |= dict.fromkeys(_term(mark + bare[at : at + 2], is_whole=len(bare) > 1, vendor=vendor) for at in range(last))
    return (" & " if vendor == "postgresql" else " AND ").join(pairs)


def _term(pair: str, *, is_whole: bool, vendor: str) -> str:
    # Folded text has no quotation marks; they are doubled all the same.
    if vendor == "postgresql":
        return "'" + pair.replace("\\", "\\\\").replace("'", "''") + ("'" if is_whole else "':*")
    return '"' + pair.replace('"', '""') + ('"' if is_whole else '"*')


def exists(using: str) -> bool:
    """Return whether a database has the index; it is still being built while `migrate` runs, and an SQLite without FTS5 has none."""
    if using not in _has_index:
        connection = connections[using]
        with connection.cursor() as cursor:
            cursor.execute(_EXISTS[connection.vendor])
            if cursor.fetchone() is not None:
                _has_index.add(using)
    return using in _has_index


def is_counted_quickly(words: Iterable[str]) -> bool:
    """Return whether counting stops where it has counted enough.

    PostgreSQL reads all that the index has of a word before it gives a row, and FTS5 all that begins with a character.
    """
    return connections[databases.alias_for("items")].vendor == "sqlite" and all(len(word) > 1 for word in words)


def count(words: Iterable[str], *, most: int, using: str) -> int:
    """Return how many items the index finds for the words, `most` where there are more."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT[connection.vendor], [match(words, vendor=connection.vendor), most])
        (found,) = cursor.fetchone()
    return int(found)
