"""A client that openapi-python-client generates from the OpenAPI document, and people who call the market with it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.renderers import JSONRenderer

from apps.accounts import services as accounts
from config.wsgi import application
from gdmarket import breaker, clock
from tests.factories.accounts import UserFactory

PACKAGE = "generated_market_client"


class Generated:
    """A person's generated client: `call("items", "revise_item", item_id, body=model("PatchedItemRequest", …))`."""

    def __init__(self, person: Any | None = None) -> None:
        token = accounts.issue_tokens(user=person, now=clock.now()).access if person else ""
        transport = import_module("httpx").WSGITransport(app=application)
        client = import_module(f"{PACKAGE}.client")
        options = {"base_url": "http://localhost", "httpx_args": {"transport": transport}, "raise_on_unexpected_status": True}
        self.client = client.AuthenticatedClient(token=token, **options) if person else client.Client(**options)

    def call(self, tag: str, operation: str, *arguments: Any, **options: Any) -> Any:
        """Return what the client makes of the answer, its `status_code`, `headers` and `parsed` body."""
        return import_module(f"{PACKAGE}.api.{tag}.{operation}").sync_detailed(*arguments, client=self.client, **options)


def model(name: str, /, **fields: Any) -> Any:
    """Return a generated request with these fields and no others."""
    return getattr(import_module(f"{PACKAGE}.models"), name)(**fields)


@pytest.fixture(scope="session")
def generator_output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Generate the client, let it be imported, and return what the generator had to say."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "openapi.json").write_bytes(JSONRenderer().render(SchemaGenerator().get_schema(request=None, public=True)))
    (folder / "config.yml").write_text("post_hooks: []\n")
    command = ["-m", "openapi_python_client", "generate", "--path", "openapi.json", "--config", "config.yml", "--meta", "none"]
    options = ["--output-path", PACKAGE, "--fail-on-warning"]
    done = subprocess.run([sys.executable, *command, *options], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield done.stdout + done.stderr
    sys.path.remove(str(folder))


@pytest.fixture
def generated(transactional_db: None, generator_output: str) -> Callable[..., Generated]:
    """Return a maker of generated clients: `generated(item_manager=True)` for a new person, `generated(person=None)` for nobody."""
    breaker.reset()

    def made(**traits: Any) -> Generated:
        return Generated(traits["person"] if "person" in traits else UserFactory(**traits))

    return made
