"""Collected static files are served under hashed names, compressed, and cacheable for ever."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.architecture.source import ROOT

# The image does not serve Redoc, which loads from other networks.
COLLECT = ("manage.py", "collectstatic", "--no-input", "--verbosity=0", "--ignore=redoc")
ASK = """
import django; django.setup()
import re
from django.test import Client
browser = Client(SERVER_NAME="localhost", headers={"Accept-Encoding": "gzip"})
pages = [browser.get(page).content.decode() for page in ("/api/v1/docs", "/admin/login/")]
for path in sorted({path for page in pages for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page)}):
    answer = browser.get(path)
    print(path, answer.status_code, answer.get("Content-Encoding", "plain"), answer["Cache-Control"])
"""


def test_collected_files_are_served_under_hashed_names(tmp_path: Path) -> None:
    environment = os.environ | {"GDMARKET_STATIC_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}

    def run(*command: str) -> str:
        ran = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    run(*COLLECT)
    served = [line.split(maxsplit=3) for line in run("-c", ASK).splitlines()]
    assert len(served) > 5
    for path, status, encoding, cached in served:
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", path), path
        assert (status, cached) == ("200", "max-age=315360000, public, immutable"), path
        assert encoding == "gzip" or not path.endswith((".js", ".css")), path
