"""The rules of style that can be checked by machine."""

import ast

from tests.architecture.source import LAYERS, functions_of, location, sources, tree_of

MODULE_LINES = 300
FUNCTION_LINES = 50
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "misc", "manager", "managers"}
DJANGOS_NAMES = {"Command", "Media", "Meta"}
DJANGOS_MODULES = ("gdmarket/postgresql/base.py", "gdmarket/sqlite/base.py")
CLOCKS = {"monotonic", "perf_counter", "perf_counter_ns", "process_time"}


def test_every_module_is_under_300_lines() -> None:
    long = {
        str(path): lines
        for path in sources(*LAYERS, "tests", "bench", "deploy")
        if (lines := len(path.read_text().splitlines())) >= MODULE_LINES
    }
    assert long == {}


def test_every_function_is_under_50_lines() -> None:
    long = {
        location(path, function): function.name
        for path in sources(*LAYERS, "tests", "bench", "deploy")
        for function in functions_of(path)
        if (function.end_lineno or 0) - function.lineno + 1 >= FUNCTION_LINES
    }
    assert long == {}


def test_no_module_has_a_vague_name() -> None:
    vague = [str(path) for path in sources(*LAYERS) if {path.stem, path.parent.name} & VAGUE_NAMES]
    vague = [path for path in vague if not path.endswith(DJANGOS_MODULES)]
    assert vague == []


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for path in sources(*LAYERS):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef) and node.name not in DJANGOS_NAMES:
                places.setdefault(node.name, []).append(location(path, node))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_test_asserts_how_long_something_took() -> None:
    """It would fail on a busy machine; bench measures instead. Waiting for another process with a deadline is fine."""
    timed = [
        location(path, node)
        for path in sources("tests/acceptance", "tests/unit")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assert)
        and any(
            (isinstance(part, ast.Name) and part.id in CLOCKS) or (isinstance(part, ast.Attribute) and part.attr in CLOCKS)
            for part in ast.walk(node)
        )
    ]
    assert timed == []
