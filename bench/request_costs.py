"""What requests cost in this process: CPU time, statements and transactions, straight through `WSGIHandler`, without a server.

`./dev bench compare` runs this file in the checkouts of other revisions as well (`python -P bench/request_costs.py`), so it imports nothing
of `bench` and of the product only what its earliest revisions had. It then answers lines of JSON with lines of JSON.
"""

import gc
import io
import json
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

_API = "/api/v1"
_HERE = "37.5446,127.0559"
BARE = "bare"
# How a statement that writes begins; the product's CTEs all write.
_WRITING = ("INSERT", "UPDATE", "DELETE", "WITH")
_NEW_ITEM = {
    "name": "벤치 드릴",
    "description": "",
    "category": "공구",
    "daily_price": 1000,
    "deposit": 0,
    "currency": "KRW",
    "latitude": 37.5,
    "longitude": 127.0,
    "place": "성수역",
}
Measure = Callable[[str, Callable[[], Any]], Any]


@dataclass(slots=True)
class Tally:
    """What one request asked of the database; `single_writes` are writes outside a transaction, each one of its own."""

    statements: int = 0
    transactions: int = 0
    single_writes: int = 0
    log: list[str] = field(default_factory=list)

    def __call__(self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Mapping[str, Any]) -> Any:  # noqa: FBT001  # Django's hook
        """Count one statement; SQLite's BEGIN is none, as PostgreSQL's never comes this way."""
        if not sql.startswith("BEGIN"):
            self.statements += 1
            self.log.append(sql)
            if sql.lstrip().upper().startswith(_WRITING) and not context["connection"].in_atomic_block:
                self.single_writes += 1
        return execute(sql, parameters, many, context)


class Requests:
    """The market of this process, with the demo in it, and the requests that are measured."""

    def __init__(self) -> None:
        """Sign people in; `django.setup()` was called and the demo loaded."""
        from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415  # the settings must be ready
        from django.test import override_settings  # noqa: PLC0415

        from gdmarket import bus  # noqa: PLC0415

        self._bus, self._numbers = bus, count(1)
        self._market = WSGIHandler()
        with override_settings(MIDDLEWARE=[]):
            self._bare = _Bare()
        self._renter, self._other, self._manager = (
            self._sign_in(email) for email in ("renter@example.com", "renter2@example.com", "manager@example.com")
        )
        self.reads = self._reads()
        self._items = [self._new_item() for _ in range(3)]
        self._bus.run_until_idle()

    def send(self, method: str, path: str, token: str = "", body: Any = None, **headers: str) -> Any:
        """Send a request and return the answer's JSON.

        :raises RuntimeError: if the answer is not a success
        """
        status, raw = self._answer(self._market, _environ(method, path, token, body, headers))
        if status >= 400:  # noqa: PLR2004  # HTTP's own limit
            raise RuntimeError(f"{method} {path}: {status} {raw[:300]!r}")
        return json.loads(raw) if raw else None

    def read_times(self, *, requests: int) -> dict[str, float]:
        """Return the CPU milliseconds of each read, the mean of so many, and of a bare view."""
        times = {}
        for name, read in self.reads.items():
            began = time.process_time()
            for _ in range(requests):
                read()
            times[name] = (time.process_time() - began) * 1000 / requests
        return times

    def write_times(self, *, flows: int) -> dict[str, float]:
        """Return the CPU milliseconds of each write, the mean of so many."""
        spent: dict[str, float] = {}

        def measure(name: str, write: Callable[[], Any]) -> Any:
            began = time.process_time()
            answer = write()
            spent[name] = spent.get(name, 0.0) + (time.process_time() - began) * 1000 / flows
            return answer

        for _ in range(flows):
            self.flow(measure)
        return spent

    def tallies(self) -> dict[str, Tally]:
        """Return what each read and each write asks of the database."""
        found: dict[str, Tally] = {}

        def measure(name: str, request: Callable[[], Any]) -> Any:
            with counting() as found[name]:
                return request()

        for name, read in self.reads.items():
            measure(name, read)
        self.flow(measure)
        return found

    def flow(self, measure: Measure) -> None:
        """Send one of each write: an item, its rental from request to return, and one that is cancelled."""
        number = next(self._numbers)
        item = measure("POST /items", self._new_item)
        self._bus.run_until_idle()
        later = datetime.now(UTC) + timedelta(days=10, hours=2 * number)
        key = {"idempotency_key": f"bench-{time.time_ns()}"}
        measure("POST /rentals, paid", lambda: self._rent(self._items[number % 3], "pm_ok", later))
        measure("POST /rentals, paid, with a key", lambda: self._rent(self._items[(number + 1) % 3], "pm_ok", later, **key))
        unpaid = measure("POST /rentals, unpaid", lambda: self._rent(item, "", later))
        measure("POST /rentals/{id}/cancel", lambda: self.send("POST", f"{_API}/rentals/{unpaid}/cancel", self._other, {}))
        rental = self._rent(item, "pm_ok", None)
        self._bus.run_until_idle()
        measure("POST /rentals/{id}/handover", lambda: self.send("POST", f"{_API}/rentals/{rental}/handover", self._manager, {}))
        measure("POST /rentals/{id}/return", lambda: self.send("POST", f"{_API}/rentals/{rental}/return", self._manager, {}))
        self._bus.run_until_idle()

    def send_paid(self) -> str:
        """Send a paid request for a period that nobody has, and return the rental's id."""
        number = next(self._numbers)
        return self._rent(self._items[number % 3], "pm_ok", datetime.now(UTC) + timedelta(days=10, hours=2 * number))

    def rent_once(self) -> None:
        """Register an item, rent it, hand it over and take it back; each request delivers what it published."""
        rental = self._rent(self._new_item(), "pm_ok", None)
        self.send("POST", f"{_API}/rentals/{rental}/handover", self._manager, {})
        self.send("POST", f"{_API}/rentals/{rental}/return", self._manager, {})

    def _rent(self, item: str, method: str, starts_at: datetime | None, **headers: str) -> str:
        body = {"item": item, **({"payment_method": method} if method else {})}
        if starts_at is not None:
            ends_at = starts_at + timedelta(hours=2)
            body |= {"starts_at": f"{starts_at:%Y-%m-%dT%H:%M:%SZ}", "ends_at": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"}
        return str(self.send("POST", f"{_API}/rentals", self._other, body, **headers)["id"])

    def _new_item(self) -> str:
        return str(self.send("POST", f"{_API}/items", self._manager, _NEW_ITEM)["id"])

    def _sign_in(self, email: str) -> str:
        return str(self.send("POST", f"{_API}/auth/token", body={"email": email, "password": "gdmarket-demo"})["access"])

    def _reads(self) -> dict[str, Callable[[], Any]]:
        rental = self.send("GET", f"{_API}/rentals", self._renter)["results"][0]["id"]
        item = self.send("GET", f"{_API}/status/items", self._manager)["results"][0]["id"]
        paths = {
            "GET /health/live": ("/health/live", ""),
            "GET /status/rentals/{id}": (f"{_API}/status/rentals/{rental}", self._renter),
            "GET /rentals/{id}": (f"{_API}/rentals/{rental}", self._renter),
            "GET /items/{id}": (f"{_API}/items/{item}", ""),
            "GET /items/{id}, signed in": (f"{_API}/items/{item}", self._renter),
            "GET /items?limit=20": (f"{_API}/items?limit=20", ""),
            "GET /items?near=": (f"{_API}/items?limit=20&near={_HERE}&radius_m=20000", ""),
            "GET /items?q=": (f"{_API}/items?limit=20&q=%EB%93%9C%EB%A6%B4", ""),
            "GET /rentals?limit=20": (f"{_API}/rentals?limit=20", self._renter),
            "GET /status/rentals?limit=20": (f"{_API}/status/rentals?limit=20", self._renter),
            "GET /status/items?limit=20": (f"{_API}/status/items?limit=20", self._manager),
            "GET /status/items/{id}": (f"{_API}/status/items/{item}", self._manager),
        }
        reads = {name: lambda path=path, token=token: self.send("GET", path, token) for name, (path, token) in paths.items()}
        return {BARE: lambda: self._answer(self._bare, _environ("GET", "/bare", "", None, {})), **reads}

    @staticmethod
    def _answer(application: Any, environ: dict[str, Any]) -> tuple[int, bytes]:
        statuses: list[int] = []
        response = application(environ, lambda status, *_: statuses.append(int(status.split()[0])))
        raw = b"".join(response)
        response.close()
        return statuses[0], raw


@contextmanager
def counting() -> Iterator[Tally]:
    """Count what the block asks of the databases."""
    from django.db import connections, transaction  # noqa: PLC0415  # the settings must be ready

    tally, enter = Tally(), transaction.Atomic.__enter__

    def count_outermost(atomic: Any) -> None:
        tally.transactions += not transaction.get_connection(atomic.using).in_atomic_block
        enter(atomic)

    with ExitStack() as stack:
        for connection in connections.all():
            stack.enter_context(connection.execute_wrapper(tally))
        transaction.Atomic.__enter__ = count_outermost  # type: ignore[method-assign]  # Django offers no hook
        stack.callback(setattr, transaction.Atomic, "__enter__", enter)
        yield tally


def _Bare() -> Any:  # noqa: N802  # a class, made where Django is ready
    """Return a WSGI application of one Django view without middleware."""
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415  # the settings must be ready
    from django.http import HttpResponse  # noqa: PLC0415
    from django.urls import path  # noqa: PLC0415

    urls = types.ModuleType("bare_urls")
    urls.urlpatterns = [path("bare", lambda _: HttpResponse(b"ok"))]  # type: ignore[attr-defined]
    sys.modules[urls.__name__] = urls

    class BareHandler(WSGIHandler):
        def get_response(self, request: Any) -> Any:
            request.urlconf = urls.__name__
            return super().get_response(request)

    return BareHandler()


def _environ(method: str, path: str, token: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    raw = b"" if body is None else json.dumps(body).encode()
    address, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": address,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_ACCEPT": "application/json",
        "HTTP_ACCEPT_ENCODING": "gzip",
        "HTTP_USER_AGENT": "bench",
        "CONTENT_LENGTH": str(len(raw)) if raw else "",
        **({"CONTENT_TYPE": "application/json"} if raw else {}),
        **({"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}),
        **{f"HTTP_{name.upper()}": value for name, value in headers.items()},
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(raw),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def main() -> None:
    """Prepare the market of the environment, then answer `{"reads": n}`, `{"writes": n}` and `{"tallies": true}`, a line each."""
    import django  # noqa: PLC0415  # only a process that measures needs it

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from gdmarket import bus  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("load_demo", stdout=sys.stderr)
    bus.run_until_idle()
    requests = Requests()
    requests.write_times(flows=1)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        if "tallies" in asked:
            answer: Any = {name: [tally.statements, tally.transactions, tally.single_writes] for name, tally in requests.tallies().items()}
        else:
            answer = requests.read_times(requests=asked["reads"]) | requests.write_times(flows=asked["writes"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
