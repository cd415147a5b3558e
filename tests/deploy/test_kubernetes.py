"""The manifests are valid by Kubernetes' schemas, of an older and of the newest version, without unknown fields."""

import subprocess

import pytest

from tests.deploy.manifests import CUSTOM_KINDS, KUBERNETES, OVERLAYS, manifests, text_of, tool

VERSIONS = ("1.34.0", "1.37.0")


def validated(text: str, version: str) -> subprocess.CompletedProcess[str]:
    return tool("kubernetes-validate", "--strict", "--quiet", "-k", version, "-", stdin=text)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_valid(overlay: str, version: str) -> None:
    checked = validated(text_of(overlay), version)

    assert (checked.returncode, checked.stderr) == (0, "")
    unknown = [line for line in checked.stdout.splitlines() if not any(f"kind {kind} " in line for kind in CUSTOM_KINDS)]
    assert unknown == []


def test_invalid_manifests_are_reported() -> None:
    right = next(text for text in text_of("production").split("---\n") if "kind: Deployment" in text and "name: web" in text)
    faults = {"maxSurge: 1": "maxSurges: 1", "minReadySeconds: 5": "minReadySeconds: five", "runAsNonRoot: true": "runAsNonRoot: maybe"}
    broken = [right.replace(word, fault, 1) for word, fault in faults.items()]
    assert right not in broken

    checked = validated("---\n".join([right, *broken]), VERSIONS[-1])

    assert (checked.returncode, checked.stdout.count("ERROR")) == (1, len(faults))


@pytest.mark.parametrize("component", sorted(path.name for path in (KUBERNETES / "components").iterdir()))
def test_every_component_is_used_or_offered(component: str) -> None:
    used = [path.read_text() for path in KUBERNETES.glob("overlays/*/kustomization.yaml")]
    assert any(f"../../components/{component}\n" in text or f"../../components/{component} " in text for text in used)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_are_unique(overlay: str) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests(overlay)]
    assert len(names) == len(set(names))
    assert {each["metadata"].get("namespace") for each in manifests(overlay) if each["kind"] != "Namespace"} == {"gdmarket"}
