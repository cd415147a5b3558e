"""The manifests of deploy/kubernetes, as kustomize renders them."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.source import ROOT
from tests.docs.configuration import DEVELOPERS, variables

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
TOOLS = Path(sys.executable).parent
# Kinds that a cluster knows only with their CustomResourceDefinition installed.
CUSTOM_KINDS = {"HTTPRoute", "ScaledObject"}

Manifest = dict[str, Any]


def tool(name: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program from requirements/dev.lock."""
    command = [str(TOOLS / name), *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False)


@cache
def text_of(overlay: str) -> str:
    """Return an overlay as rendered YAML."""
    built = tool("kubectl", "kustomize", str(KUBERNETES / "overlays" / overlay))
    assert built.returncode == 0, built.stderr
    return built.stdout


def manifests(overlay: str) -> list[Manifest]:
    """Return the resources of an overlay."""
    return list(yaml.load_all(text_of(overlay), Loader=yaml.CSafeLoader))  # safe_load_all takes ten times as long


def of_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    """Return an overlay's resources of these kinds, by name."""
    return {each["metadata"]["name"]: each for each in manifests(overlay) if each["kind"] in kinds}


def template_of(manifest: Manifest) -> Manifest:
    """Return a resource's pod template; empty for a kind without pods."""
    spec: Manifest = manifest.get("spec", {})
    template: Manifest = spec.get("jobTemplate", {}).get("spec", spec).get("template", {})
    return template


def pods(overlay: str) -> dict[str, Manifest]:
    """Return all pod templates, by the name of their resource."""
    return {each["metadata"]["name"]: template_of(each) for each in manifests(overlay) if template_of(each)}


def app_pods(overlay: str) -> dict[str, Manifest]:
    """Return those of the pods that run our image."""
    return {name: pod for name, pod in pods(overlay).items() if pod["spec"]["containers"][0]["image"].startswith("gdmarket")}


def containers(pod: Manifest) -> Iterator[Manifest]:
    """Yield a pod's containers, init containers first."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a selector matches these labels."""
    wanted = selector.get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items()) and all(
        labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", [])
    )


def settings_of(overlay: str) -> dict[str, str]:
    """Return the data of the settings' ConfigMap."""
    (settings,) = (each for name, each in of_kind(overlay, "ConfigMap").items() if name.startswith("settings-"))
    data: dict[str, str] = settings["data"]
    return data


@cache
def known_settings() -> set[str]:
    """Return every environment variable that the product reads."""
    return {variable.name for variable in variables() if variable.heading != DEVELOPERS}


def commented_in(path: Path) -> set[str]:
    """Return the variables that stand commented out in a file of settings."""
    return set(re.findall(r"^# ?([A-Z][A-Z_]+)[:=]", path.read_text(), flags=re.MULTILINE))


def set_in(path: Path) -> dict[str, str]:
    """Return the variables that a file of settings sets."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), flags=re.MULTILINE))


def amount(quantity: str) -> float:
    """Return a Kubernetes quantity of CPU or bytes as a number."""
    units = {"m": 1e-3, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30}
    number, unit = re.fullmatch(r"([\d.]+)(m|Ki|Mi|Gi)?", quantity).groups()  # type: ignore[union-attr]  # or the test fails
    return float(number) * (units[unit] if unit else 1)
