"""The product's source code, for the tests of its structure."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = ("config", "apps", "gdmarket")
CONTEXTS = ("accounts", "items", "rentals", "payments", "status_view")


def sources(*folders: str) -> Iterator[Path]:
    """Yield every Python file below `folders`, migrations left out."""
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(), filename=str(path))


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    yield from (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def location(path: Path, node: ast.stmt | ast.expr) -> str:
    """Return a node's file and line, as `path:line`."""
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def module_of(context: str, name: str) -> ModuleType | None:
    """Return a context's module, as in `module_of("rentals", "events")`, or None if the context has none of that name."""
    dotted = f"apps.{context}.{name}"
    return import_module(dotted) if find_spec(dotted) else None
