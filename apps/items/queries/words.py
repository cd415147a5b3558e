"""The index of the words in items' texts: the bigrams of `search_text`, those of the name once more, with a prefix.

A word of Korean is often two syllables long, or one, so that nothing longer can be indexed. On PostgreSQL it is a GIN index on a function
of the column, on SQLite an FTS5 table that triggers fill in: neither needs anything of the program that writes a row. What an index finds
may hold the bigrams of a word and not the word: the row itself is compared after it.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models import BooleanField, Func, TextField

from gdmarket import databases, statements

IN_NAME = "^"
"""The prefix of bigrams of the name. No folded text has the character."""
_COUNT = {
    "postgresql": (
        # Of no columns: where all rows of a page are visible, PostgreSQL does not read it.
        "SELECT count(*) FROM"
        " (SELECT FROM items_item WHERE state = 'listed' AND items_bigrams(search_text) @@ %s::tsquery LIMIT %s) AS found"
    ),
    "sqlite": "SELECT count(*) FROM (SELECT 1 FROM items_bigrams WHERE items_bigrams MATCH %s LIMIT %s)",
}
_EXISTS = {
    "postgresql": "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('items_bigrams') AND indisvalid",
    "sqlite": "SELECT 1 FROM sqlite_master WHERE name = 'items_bigrams_filled'",
}
_has_index: set[str] = set()


class BigramsField(TextField):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Words, and which rank of items, as the query of a database's index."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> str:  # noqa: FBT001, FBT002  # Django's hook
        """Return the query for the bigrams of all words."""
        words, rank = value
        return match(words, rank=rank, vendor=connection.vendor)


class Match(Func):
    """Whether the index has the bigrams of words in an item: `Match("search_text", "id", words)`, the words a value of `BigramsField`."""

    conditional = True
    output_field = BooleanField()

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        (text, _), (query, given) = (compiler.compile(self.get_source_expressions()[at]) for at in (0, 2))
        return f"items_bigrams({text}) @@ {query}::tsquery", given

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        (key, _), (query, given) = (compiler.compile(self.get_source_expressions()[at]) for at in (1, 2))
        rows = f"SELECT rowid FROM items_bigrams WHERE items_bigrams MATCH {query}"  # noqa: S608  # a placeholder
        return f"{key} IN (SELECT item_id FROM items_bigrams_row WHERE number IN ({rows}))", given  # noqa: S608  # the same


def match(words: Sequence[str], *, vendor: str, rank: int | None = None) -> str:
    """Return the index's query for rows that hold the bigrams of all words; of one character, for those that have a bigram it begins.

    For rank 0 these are bigrams of the name. For rank 1 names that hold all words are left out where a word is one bigram: only then the
    index knows for sure that a name holds it.
    """
    also, but = (" & ", " & !") if vendor == "postgresql" else (" AND ", " NOT ")
    in_name = f"({also.join(_terms(words, mark=IN_NAME, vendor=vendor))})"
    if rank == 0:
        return in_name
    anywhere = f"({also.join(_terms(words, mark='', vendor=vendor))})"
    return anywhere + but + in_name if rank == 1 and all(len(word) == 2 for word in words) else anywhere  # noqa: PLR2004  # a bigram


def _terms(words: Sequence[str], *, mark: str, vendor: str) -> list[str]:
    terms: dict[str, None] = {}
    for word in words:
        last = len(word) - 1 if len(word) > 1 else 1
        terms |= dict.fromkeys(_term(mark + word[at : at + 2], is_whole=len(word) > 1, vendor=vendor) for at in range(last))
    return list(terms)


def _term(bigram: str, *, is_whole: bool, vendor: str) -> str:
    # Folded text has no quotation marks; they are doubled all the same.
    if vendor == "postgresql":
        return "'" + bigram.replace("\\", "\\\\").replace("'", "''") + ("'" if is_whole else "':*")
    return '"' + bigram.replace('"', '""') + ('"' if is_whole else '"*')


def exists(using: str) -> bool:
    """Return whether a database has the index; it is still being built while `migrate` runs, and an SQLite without FTS5 has none."""
    if using not in _has_index:
        connection = connections[using]
        with statements.cursor(connection) as cursor:
            cursor.execute(_EXISTS[connection.vendor])
            if cursor.fetchone() is not None:
                _has_index.add(using)
    return using in _has_index


def is_counted_quickly(words: Sequence[str]) -> bool:
    """Return whether counting stops where it has counted enough.

    PostgreSQL reads all that the index has of a word before it gives a row, and FTS5 all that begins with a character.
    """
    return connections[databases.alias_for("items")].vendor == "sqlite" and all(len(word) > 1 for word in words)


def count(words: Sequence[str], *, most: int, using: str, rank: int | None = None) -> int:
    """Return how many items of a rank the index finds for the words, `most` where there are more."""
    connection = connections[using]
    with statements.cursor(connection) as cursor:
        cursor.execute(_COUNT[connection.vendor], [match(words, rank=rank, vendor=connection.vendor), most])
        (found,) = cursor.fetchone()
    return int(found)
