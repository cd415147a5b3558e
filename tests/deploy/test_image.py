"""The Dockerfile, read as text; `./dev image --check` checks a built image."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.deploy.manifests import tool

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_linter_finds_nothing() -> None:
    checked = tool("hadolint", str(ROOT / "Dockerfile"))
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_linter_reports_a_bad_dockerfile() -> None:
    assert tool("hadolint", "-", stdin="FROM python\nRUN cd /tmp\nCMD gunicorn\n").returncode == 1


def test_packages_are_installed_with_hashes() -> None:
    installs = re.findall(r"install (.+?) -r (\S+)", DOCKERFILE)
    assert len(installs) == 2
    assert all(options == "--require-hashes" for options, _lock in installs)
    assert "ARG LOCK=full.lock" in DOCKERFILE


def test_it_runs_as_an_unprivileged_user_with_a_health_check() -> None:
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+):(\d+)$", final, flags=re.MULTILINE)
    assert all(int(number) >= 10000 for number in user)
    assert "\nHEALTHCHECK " in final
    assert not re.search(r"^(CMD|ENTRYPOINT) [^\[]", final, flags=re.MULTILINE)


@pytest.mark.parametrize("name", ["tests", "docs", "var", ".git", ".env", "deploy", "bench", ".venv"])
def test_the_build_context_excludes_everything_else(name: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert f"!{name}" not in lines


def test_the_build_context_includes_what_is_copied() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE) for word in line.split()}
    assert all({f"!{word}", f"!{word.split('/')[0]}"} & set(lines) for word in copied)


def test_the_bill_of_materials_names_everything_that_is_locked(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    made = subprocess.run([str(ROOT / "dev"), "sbom", str(written)], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr

    bill = json.loads(written.read_text())
    pins = re.findall(r"^([\w.-]+)==([^ ;]+)", (ROOT / "requirements" / "full.lock").read_text(), flags=re.MULTILINE)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "gdmarket")
    assert {(part["name"], part["version"]) for part in bill["components"]} == set(pins)
