"""The GitHub workflow is valid, has minimal permissions, and runs only `./dev` commands."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.architecture.source import ROOT
from tests.deploy.manifests import tool

WORKFLOW = ROOT / ".github" / "workflows" / "pipeline.yml"
SCHEMAS = ("vendor.github-workflows", "custom.github-workflows-require-timeout")
# For programs that are not on PyPI.
SET_UP = "sudo apt-get update && sudo apt-get install --yes --no-install-recommends "
OPTIONS = {"-h", "--help"}


def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return found


def steps() -> Iterator[dict[str, Any]]:
    for job in jobs().values():
        yield from job["steps"]


def commands_of_dev() -> set[str]:
    """Return the commands that ./dev knows."""
    case = re.search(r"^case \$command in\n(.+?)^esac", (ROOT / "dev").read_text(), flags=re.MULTILINE | re.DOTALL)
    assert case
    return {word for line in re.findall(r"^    ([a-z][a-z| -]*)\)", case[1], flags=re.MULTILINE) for word in line.split(" | ")}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_workflow_is_valid(schema: str) -> None:
    checked = tool("check-jsonschema", "--builtin-schema", schema, str(WORKFLOW))
    assert checked.returncode == 0, checked.stdout


def test_the_dependabot_configuration_is_valid() -> None:
    checked = tool("check-jsonschema", "--builtin-schema", "vendor.dependabot", str(ROOT / ".github" / "dependabot.yml"))
    assert checked.returncode == 0, checked.stdout


def test_every_step_is_a_dev_command_or_a_pinned_action() -> None:
    known = commands_of_dev()
    assert {"lint", "types", "test", "image", "deploy", "walk"} <= known
    for step in steps():
        if run := step.get("run"):
            words = shlex.split(run)
            assert run.startswith(SET_UP) or (words[0] == "./dev" and words[1] in known), run
        else:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@(v\d+|\d+\.\d+\.\d+|[0-9a-f]{40})", step["uses"])


def test_no_step_interpolates_an_expression_into_a_shell() -> None:
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []


def test_every_command_is_in_the_usage() -> None:
    usage = (ROOT / "dev").read_text().partition("END")[2].partition("\nEND")[0]
    assert [name for name in commands_of_dev() - OPTIONS if not re.search(rf"^  {re.escape(name)}\b", usage, flags=re.MULTILINE)] == []


def test_jobs_have_minimal_permissions() -> None:
    whole = yaml.safe_load(WORKFLOW.read_text())
    assert whole["permissions"] == {"contents": "read"}
    assert {name for name, job in jobs().items() if "permissions" in job} == {"release"}
    assert jobs()["deploy"]["environment"]["name"] == "production"
    assert jobs()["release"]["if"].startswith("startsWith(github.ref, 'refs/tags/v')")
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(jobs())
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_a_release_needs_every_other_check_and_the_slow_ones_run_every_night() -> None:
    assert {"lint", "test", "system", "image"} <= set(jobs()["release"]["needs"])
    assert jobs()["test"]["strategy"]["matrix"]["database"] == ["sqlite", "postgresql"]
    assert "schedule" in jobs()["nightly"]["if"]
    assert "./dev nightly" in [step.get("run") for step in jobs()["nightly"]["steps"]]
