"""The import contracts of pyproject.toml hold, and find a violation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import LAYERS, ROOT

_LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _LINT], cwd=folder, capture_output=True, text=True, check=False)


def test_every_contract_is_kept() -> None:
    lint = _lint(ROOT)
    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_no_context_names_an_address_of_the_desk() -> None:
    files = [path for path in (ROOT / "apps").rglob("*") if path.suffix in {".py", ".html"}]
    assert [str(path) for path in files if "admin:desk_" in path.read_text()] == []


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("gdmarket/money.py", "import apps.items.domain", "Layers"),
        ("config/serve.py", "import deploy.tool", "Layers"),
        ("deploy/tool.py", "import bench.tool", "Layers"),
        ("bench/tool.py", "import tests.tool", "Layers"),
        ("apps/items/domain.py", "import apps.items.services", "Modules"),
        ("apps/items/extra.py", "", "Modules"),
        ("apps/rentals/services_extra.py", "", "Modules"),
        ("apps/items/queries.py", "import apps.rentals.models", "Contexts"),
        ("apps/status_view/queries.py", "import apps.payments.facade", "Contexts"),
        ("apps/payments/domain.py", "import django.db", "Pure"),
        ("apps/items/queries.py", "import rest_framework.status", "HTTP"),
        ("apps/items/queries.py", "import gdmarket.rest.problems", "HTTP statuses"),
        ("apps/items/handlers.py", "import blinker", "Bus"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, module: str, line: str, contract: str) -> None:
    for layer in LAYERS:
        shutil.copytree(ROOT / layer, tmp_path / layer, ignore=shutil.ignore_patterns("__pycache__", "static", "locale"))
    for tooling in ("deploy", "bench", "tests"):
        (tmp_path / tooling).mkdir()
        (tmp_path / tooling / "__init__.py").touch()
        (tmp_path / tooling / "tool.py").touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as source:
        source.write(f"\n{line}\n")
    lint = _lint(tmp_path)
    assert lint.returncode == 1
    broken = [verdict for verdict in lint.stdout.splitlines() if " BROKEN" in verdict]
    assert any(verdict.startswith(f"{contract}:") for verdict in broken), lint.stdout
