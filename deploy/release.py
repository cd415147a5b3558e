"""Bring a cluster to an image: `./dev deploy OVERLAY IMAGE`, with the kubectl, the cluster and the rights that the caller has.

In the order of docs/how-to/operate.md, "Upgrade": prerequisites, migration, relays, servers, jobs. Each step is waited for, so
that one that fails leaves the version before serving. `--dry-run` prints the steps and asks no cluster.
"""

import re
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import NoReturn

OVERLAYS = Path(__file__).resolve().parent / "kubernetes" / "overlays"
# What the manifests call the image; a release says which one that is.
PLACEHOLDER = "gdmarket:local"
NAMESPACE = "gdmarket"
_PATIENCE_S = 1800
_BEFORE = "!gdmarket/step"  # everything that runs nothing


class Release:
    """What is to be applied, and whether to do so or to say so."""

    def __init__(self, *, manifests: str, is_dry: bool) -> None:
        self._manifests = manifests
        self._is_dry = is_dry

    def has(self, step: str) -> bool:
        """Say whether the overlay has anything for a step."""
        return f"gdmarket/step: {step}\n" in self._manifests

    def apply(self, selector: str) -> None:
        """Apply what has a label."""
        self.kubectl("apply", "--filename=-", f"--selector={selector}", given=self._manifests)

    def kubectl(self, *arguments: str, given: str = "") -> None:
        """Run kubectl; ends where that fails."""
        command = ["kubectl", f"--namespace={NAMESPACE}", *arguments]
        print("release:", *command, flush=True)
        if not self._is_dry and subprocess.run(command, input=given, text=True, check=False).returncode:  # the caller's kubectl
            _end(f"it stopped there: {' '.join(arguments)}")

    def wait_for_job(self, name: str) -> None:
        """Wait until a job is done; ends with its log where it failed."""
        asked = [
            "kubectl",
            f"--namespace={NAMESPACE}",
            "get",
            f"job/{name}",
            '--output=jsonpath={.status.conditions[?(@.status=="True")].type}',
        ]
        print("release: wait for", f"job/{name}", flush=True)
        deadline = time.monotonic() + _PATIENCE_S
        while not self._is_dry:
            state = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
            if "Complete" in state:
                return
            if "Failed" in state or time.monotonic() > deadline:
                self.kubectl("logs", f"job/{name}", "--tail=50")
                _end(f"job/{name} did not succeed: nothing that runs was changed")
            time.sleep(2)


def main(arguments: list[str]) -> None:
    """Release; ends with exit code 1 and a sentence where a step fails."""
    parser = ArgumentParser(prog="./dev deploy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("overlay", choices=sorted(path.name for path in OVERLAYS.iterdir()))
    parser.add_argument("image", help="as in registry.example.com/gdmarket:0.1.0, better with its digest")
    parser.add_argument("--back", action="store_true", help="to an older image: nothing is migrated, servers go before relays")
    parser.add_argument("--dry-run", action="store_true", help="print the steps")
    options = parser.parse_args(arguments)
    release = Release(manifests=manifests(overlay=options.overlay, image=options.image), is_dry=options.dry_run)
    release.apply(_BEFORE)
    if release.has("migrate") and not options.back:
        release.kubectl("delete", "job/migrate", "--ignore-not-found", "--wait")  # a job cannot be changed
        release.apply("gdmarket/step=migrate")
        release.wait_for_job("migrate")
    # Relays know every event that servers publish: they are the first to be new, and the last to be old.
    for step in ("web", "relay") if options.back else ("relay", "web"):
        if release.has(step):
            release.apply(f"gdmarket/step={step}")
            release.kubectl("rollout", "status", f"deployment/{step}", f"--timeout={_PATIENCE_S}s")
    release.apply("gdmarket/step=jobs")


def manifests(*, overlay: str, image: str) -> str:
    """Return an overlay's manifests with this image in them."""
    kubectl = shutil.which("kubectl") or _end("kubectl is missing.")
    built = subprocess.run([kubectl, "kustomize", str(OVERLAYS / overlay)], capture_output=True, text=True, check=False)
    if built.returncode:
        _end(built.stderr)
    return re.sub(rf"image: {PLACEHOLDER}$", f"image: {image}", built.stdout, flags=re.MULTILINE)


def _end(why: str) -> NoReturn:
    sys.exit(f"release: {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
