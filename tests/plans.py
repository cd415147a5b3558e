"""Whether the plans of what a block asks a database read no more than a page needs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

MOST_SORTED = 5_001
"""Rows that a plan may sort: all of a rare word; of a list in the order of an index, none beyond a page."""


@contextmanager
def watched_plans(using: str, *, most_sorted: int = MOST_SORTED) -> Iterator[list[str]]:
    """Give a list of what is wrong with the plans of the statements in the block: a table read from end to end, or much sorted."""
    wrong: list[str] = []
    connection = connections[using]

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # Django's hook
        if sql.startswith("SELECT") and "pg_index" not in sql and "sqlite_master" not in sql:
            with connection.cursor() as cursor:
                if connection.vendor == "postgresql":
                    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                    plan = cursor.fetchone()[0]
                    plan = json.loads(plan) if isinstance(plan, str) else plan
                    wrong.extend(f"{problem}: {sql}" for problem in _of_postgresql(plan[0]["Plan"], most_sorted))
                else:
                    cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
                    wrong.extend(f"{problem}: {sql}" for problem in _of_sqlite([row[3] for row in cursor.fetchall()], sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield wrong


def _of_postgresql(node: dict[str, Any], most_sorted: int) -> Iterator[str]:
    # A handful of suspended managers is read at once.
    if node["Node Type"] == "Seq Scan" and not node["Relation Name"].endswith("manager"):
        yield f"reads all of {node['Relation Name']}"
    if "Sort" in node["Node Type"] and sum(part["Actual Rows"] for part in node["Plans"]) > most_sorted:
        yield f"sorts {node['Plans'][0]['Actual Rows']} rows"
    if node.get("Rows Removed by Filter", 0) > 2 * MOST_SORTED:
        yield f"reads {node['Rows Removed by Filter']} rows that are not shown"
    for part in node.get("Plans", ()):
        yield from _of_postgresql(part, most_sorted)


def _of_sqlite(steps: list[str], sql: str) -> Iterator[str]:
    read_at_once = {"json_each", "stripe", "items_bigrams", *(["U0"] if '"items_itemmanager" U0' in sql else [])}
    for step in steps:
        name = step.removeprefix("SCAN ").split()[0]
        is_table = name not in read_at_once and not name.startswith(("(", "CONSTANT", "found", "first_"))
        if step.startswith("SCAN ") and " INDEX " not in step and is_table:
            yield step
