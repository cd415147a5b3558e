"""Which tests a change needs: `python -m tests.changed` prints them, and `./dev test --changed` runs them.

A file's own tests stand under the same path in `tests/unit`. A change of a context needs also the tests of every context that imports it:
those hear its events or call its facade. A change of product code needs `tests/acceptance` and `tests/architecture` as well.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
CONTEXTS = sorted(path.parent.name for path in (ROOT / "apps").glob("*/__init__.py"))


def changed_files() -> set[str]:
    """Return what differs from where this branch left `origin/main`, or from HEAD without one, and what git does not know yet."""
    base = _git("merge-base", "HEAD", "origin/main") or ["HEAD"]
    return {*_git("diff", "--name-only", base[0]), *_git("ls-files", "--others", "--exclude-standard")}


def needed_by(changed: set[str]) -> list[str]:
    """Return the folders and files of tests that changed files need, none inside another."""
    needed = {path for name in changed for path in _needed_by(PurePosixPath(name)) if _is_run_here(path)}
    return sorted(path for path in needed if not any(str(parent) in needed for parent in PurePosixPath(path).parents))


def readers_of(context: str) -> list[str]:
    """Return the contexts that import a context."""
    imports = re.compile(rf"^(?:from|import) apps\.{context}\b", re.MULTILINE)
    return [
        other
        for other in CONTEXTS
        if other != context and any(imports.search(path.read_text()) for path in (ROOT / "apps" / other).rglob("*.py"))
    ]


def _is_run_here(path: str) -> bool:
    """Say whether `./dev test` can run a path: it is there, and needs no program that pip does not bring."""
    return (ROOT / path).exists() and not path.startswith("tests/system")


# Beside a file's own tests, by the beginning or the end of its path.
_ALSO = {
    r"(apps|gdmarket|config)/": "tests/acceptance",
    r"(apps|gdmarket|config|bench)/": "tests/steady",
    r".*/(contracts|events)\.py$": "tests/golden",
    r"deploy/simulator/": "tests/unit/payments",
    r".*\.py$": "tests/architecture",
    r".*\.md$": "tests/docs",
    r"(\.github/|requirements/|[^/]+$)": "tests/deploy",
    r"tests/(factories/|[^/]+$)": "tests/unit",
}


def _needed_by(path: PurePosixPath) -> Iterator[str]:
    match path.parts:
        case ["apps", context, *_]:
            yield from (f"tests/unit/{name}" for name in (context, *readers_of(context)))
        case ["gdmarket", package, _, *_]:
            yield f"tests/unit/gdmarket/{package}"
        case ["gdmarket" | "config" | "bench" as package, *_]:
            yield f"tests/unit/{package}"
        case ["deploy" | "docs" as package, *_]:
            yield f"tests/{package}"
        case ["tests", *_, name] if name.startswith("test_"):
            yield str(path)
        case ["tests", _, *_, _]:
            yield str(path.parent)
    yield from (tests for pattern, tests in _ALSO.items() if re.match(pattern, str(path)))


def _git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()


if __name__ == "__main__":
    sys.stdout.write("\n".join(needed_by(changed_files())) + "\n")
