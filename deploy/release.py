"""Deploy an image to the cluster of the caller's kubectl: `./dev deploy OVERLAY IMAGE`.

In the order of docs/how-to/operate.md, "Upgrade": prerequisites, migration, relays, servers, jobs. It waits for each step: when one
fails, the version before goes on serving. `--dry-run` prints the steps.
"""

import re
import shutil
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path

OVERLAYS = Path(__file__).resolve().parent / "kubernetes" / "overlays"
# The image's name in the manifests, which a release replaces.
PLACEHOLDER = "gdmarket:local"
NAMESPACE = "gdmarket"
_TIMEOUT_S = 1800
_WITHOUT_PODS = "!gdmarket/step"


class Release:
    """Applies manifests, or prints what it would do."""

    def __init__(self, *, manifests: str, is_dry: bool) -> None:
        self._manifests = manifests
        self._is_dry = is_dry

    def has(self, step: str) -> bool:
        """Say whether the manifests have resources for a step."""
        return f"gdmarket/step: {step}\n" in self._manifests

    def apply(self, selector: str) -> None:
        """Apply the resources that a label selector matches."""
        self.kubectl("apply", "--filename=-", f"--selector={selector}", stdin=self._manifests)

    def kubectl(self, *arguments: str, stdin: str = "") -> None:
        """Run kubectl; exits when it fails."""
        command = ["kubectl", f"--namespace={NAMESPACE}", *arguments]
        print("release:", *command, flush=True)
        if not self._is_dry and subprocess.run(command, input=stdin, text=True, check=False).returncode:
            sys.exit(f"release: failed: {' '.join(arguments)}")

    def wait_for_job(self, name: str) -> None:
        """Wait for a job; exits with its log when it fails."""
        conditions = '--output=jsonpath={.status.conditions[?(@.status=="True")].type}'
        command = ["kubectl", f"--namespace={NAMESPACE}", "get", f"job/{name}", conditions]
        print("release: wait for", f"job/{name}", flush=True)
        deadline = time.monotonic() + _TIMEOUT_S
        while not self._is_dry:
            state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
            if "Complete" in state:
                return
            if "Failed" in state or time.monotonic() > deadline:
                self.kubectl("logs", f"job/{name}", "--tail=50")
                sys.exit(f"release: job/{name} did not succeed; no server or relay was changed")
            time.sleep(2)


def main(arguments: list[str]) -> None:
    """Deploy; exits with code 1 and a message when a step fails."""
    parser = ArgumentParser(prog="./dev deploy", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("overlay", choices=sorted(path.name for path in OVERLAYS.iterdir()))
    parser.add_argument("image", help="as in registry.example.com/gdmarket:0.1.0, better with its digest")
    parser.add_argument("--back", action="store_true", help="roll back to an older image: no migration, servers before relays")
    parser.add_argument("--dry-run", action="store_true", help="print the steps")
    options = parser.parse_args(arguments)
    release = Release(manifests=manifests(overlay=options.overlay, image=options.image), is_dry=options.dry_run)
    release.apply(_WITHOUT_PODS)
    if release.has("migrate") and not options.back:
        release.kubectl("delete", "job/migrate", "--ignore-not-found", "--wait")  # a job's pod template is immutable
        release.apply("gdmarket/step=migrate")
        release.wait_for_job("migrate")
    # A relay must know every event that a server publishes, so relays are the first to be upgraded and the last to be rolled back.
    for step in ("web", "relay") if options.back else ("relay", "web"):
        if release.has(step):
            release.apply(f"gdmarket/step={step}")
            release.kubectl("rollout", "status", f"deployment/{step}", f"--timeout={_TIMEOUT_S}s")
    release.apply("gdmarket/step=jobs")


def manifests(*, overlay: str, image: str) -> str:
    """Return an overlay's manifests with this image."""
    kubectl = shutil.which("kubectl") or sys.exit("release: kubectl is missing")
    built = subprocess.run([kubectl, "kustomize", str(OVERLAYS / overlay)], capture_output=True, text=True, check=False)
    if built.returncode:
        sys.exit(f"release: {built.stderr}")
    return re.sub(rf"image: {PLACEHOLDER}$", f"image: {image}", built.stdout, flags=re.MULTILINE)


if __name__ == "__main__":
    main(sys.argv[1:])
