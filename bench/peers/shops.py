"""The products that are compared: each is set up from the package registries in a folder that is kept, and served with two workers."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import revisions
from bench.market import settings_of
from bench.peers import flows
from bench.peers.flows import Shop
from bench.serving import new_database, served
from deploy.client import Client
from deploy.report import progress
from deploy.servers.ports import free_port
from deploy.servers.process import ROOT, ServerProcess
from deploy.servers.waiting import wait_until

CLIENTS, WORKERS, THREADS = 8, 2, 8
_HERE = Path(__file__).parent
_OSCAR = ("django-oscar==4.2.1", "django-oscar-api==3.3.0", "Django==5.2.19", "psycopg[binary]==3.3.9", "gunicorn==27.0.1", "setuptools<81")
_VENDURE = ("@vendure/core@3.7.3", "pg@8")


@contextmanager
def gdmarket(url: str, _kept: Path, products: int) -> Iterator[Shop]:
    """Serve this product, with so many items of Korean towns."""
    database = new_database(url)
    with TemporaryDirectory(prefix="gdmarket-peers-") as folder:
        settings = os.environ | settings_of(url=database, folder=Path(folder))
        # Enough items for one in each town's page, and one for each client.
        _run([sys.executable, "-m", "bench", "load", "--items", str(products), "--rentals", "0"], ROOT, settings)
        with served(revisions.this(), database, workers=WORKERS) as port:
            client = Client(port)
            tokens = [client.register(email=f"bench-{number}@example.com") for number in range(CLIENTS)]
            client.close()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/items?limit={CLIENTS}") as answer:
                items = [item["id"] for item in json.load(answer)["results"]]
            rental = flows.rental(tokens=tokens, items=items)
            yield Shop(name="GDmarket", port=port, begin=lambda: rental)


@contextmanager
def oscar(url: str, kept: Path, products: int) -> Iterator[Shop]:
    """Serve django-oscar with oscarapi on gunicorn, with two workers of eight threads."""
    folder = _fresh(kept / "oscar", "oscar_shop.py")
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        progress(f"Installing {_OSCAR[0]} into {folder}")
        _run([sys.executable, "-m", "venv", "venv"], folder)
        _run([str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *_OSCAR], folder)
    settings = os.environ | {"DATABASE_URL": new_database(url)}
    settings.pop("DJANGO_SETTINGS_MODULE", None)
    made = json.loads(_run([str(python), "-W", "ignore", "oscar_shop.py", str(products), str(CLIENTS)], folder, settings).splitlines()[-1])
    port = free_port()
    command = [str(python), "-W", "ignore", "-m", "gunicorn", "-w", str(WORKERS), "-k", "gthread", "--threads", str(THREADS)]
    with _serving([*command, "-b", f"127.0.0.1:{port}", "oscar_shop:application"], folder, settings, port, "/api/products/"):
        order = flows.oscar_order(port=port, tokens=made["tokens"], country=made["country"])
        yield Shop(name="django-oscar 4.2.1", port=port, begin=lambda: order)


@contextmanager
def vendure(url: str, kept: Path, products: int) -> Iterator[Shop]:
    """Serve Vendure with two workers of node's cluster, and its job queue beside them."""
    folder = _fresh(kept / "vendure", "vendure_shop.js")
    if not (folder / "node_modules" / "@vendure").exists():
        progress(f"Installing {_VENDURE[0]} into {folder}")
        (folder / "package.json").write_text('{"private": true}')
        _run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *_VENDURE], folder)
    port = free_port()
    settings = os.environ | {"DATABASE_URL": new_database(url), "PORT": str(port), "WORKERS": str(WORKERS), "NODE_ENV": "production"}
    _run(["node", "vendure_shop.js", "fill", str(products)], folder, settings)
    with _serving(["node", "vendure_shop.js", "serve"], folder, settings, port, "/shop-api?query=%7B__typename%7D"):
        wait_until(lambda: _indexed(port) == products, "Vendure to index its products", timeout_s=300, poll_s=1)
        yield Shop(name="Vendure 3.7.3", port=port, begin=lambda: _vendure_order(port))


SHOPS: dict[str, Callable[[str, Path, int], AbstractContextManager[Shop]]] = {"gdmarket": gdmarket, "oscar": oscar, "vendure": vendure}


@contextmanager
def _serving(command: list[str], folder: Path, settings: dict[str, str], port: int, path: str) -> Iterator[None]:
    server = ServerProcess(command, log=folder / "server.log", folder=folder, environment=settings)
    try:
        server.start(is_ready=lambda: _answers(port, path), timeout_s=180)
        yield
    finally:
        server.stop()


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10):
            return True
    except OSError:
        return False


def _indexed(port: int) -> int:
    found, _ = _graphql(port, "{ search(input: {take: 1, groupByProduct: true}) { totalItems } }")
    return int(found["search"]["totalItems"])


def _vendure_order(port: int) -> flows.Flow:
    """Return the flow with a new session for each client: the order of an earlier one may take no more products."""
    add = 'mutation { addItemToOrder(productVariantId: "1", quantity: 1) { __typename } }'
    tokens = [_graphql(port, add)[1] for _ in range(CLIENTS)]
    methods, _ = _graphql(port, "{ eligibleShippingMethods { id } }", tokens[0])
    return flows.vendure_order(tokens=tokens, method=methods["eligibleShippingMethods"][0]["id"])


def _graphql(port: int, query: str, token: str = "") -> tuple[dict[str, Any], str]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/shop-api", json.dumps({"query": query}).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["data"], answer.headers.get("vendure-auth-token", "")


def _fresh(folder: Path, script: str) -> Path:
    """Return the folder of a shop, with its script as it is now."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(_HERE / script, folder / script)
    return folder


def _run(command: list[str], folder: Path, settings: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=settings, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} in {folder} ended with {done.returncode}: {done.stdout[-1000:]}")
    return done.stdout
