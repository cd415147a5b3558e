"""`GET /metrics`: the counters of all processes of this server, and gauges read from the databases at each scrape.

It is answered before the Host header is checked: Prometheus scrapes a pod by its IP address. The gateway does not route it.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from logging import getLogger
from threading import Lock

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from config.gauges import DatabaseCollector, MoneyCollector, RentalsCollector
from gdmarket.breaker.metrics import StateCollector
from gdmarket.builds import BUILD
from gdmarket.bus.metrics import BacklogCollector

_log = getLogger(__name__)
# Prometheus waits for 10 s: a database that is down must not cost it the other sources.
_TIMEOUT_S = 3.0


def answer_metrics(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer `/metrics`, if a token is set to requests with it alone; pass every other request on."""

    def respond(request: HttpRequest) -> HttpResponse:
        if request.path_info != "/metrics":
            return get_response(request)
        response = _answer(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return respond


def _answer(request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    token = settings.GDMARKET_METRICS_TOKEN
    if token and not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


@cache
def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    # Under gunicorn the counters of its workers and sidecars are in files that all of them can read.
    if values.ValueClass is not values.MutexValue:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        registry.register(BUILD)
    else:
        registry.register(REGISTRY)
    databases = {f"database {alias}": DatabaseCollector(alias=alias) for alias in connections}
    sources = {"bus": BacklogCollector(), "breaker": StateCollector(), "rentals": RentalsCollector(), "money": MoneyCollector()}
    registry.register(_SourceCollector(sources | databases))
    return registry


class _SourceCollector(Collector):
    """Reads several sources concurrently, each with a connection of its own; one that takes longer than `_TIMEOUT_S` is left out."""

    def __init__(self, sources: Mapping[str, Collector]) -> None:
        self._sources = sources
        self._threads = ThreadPoolExecutor(len(sources), thread_name_prefix="metrics")
        self._running: dict[str, Future[list[Metric]]] = {}
        self._lock = Lock()

    def describe(self) -> Iterator[Metric]:
        """Return no names: no other collector has the same."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        reading = self._start()
        wait(reading.values(), timeout=_TIMEOUT_S)
        answers = GaugeMetricFamily("metrics_source_up", "1 where the numbers of a source could be read.", labels=["source"])
        families: dict[str, Metric] = {}
        for name, future in reading.items():
            found = self._result(name, future)
            answers.add_metric([name], float(any(family.samples for family in found)))
            for family in found:
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples.extend(family.samples)
        yield answers
        yield from families.values()

    def _start(self) -> dict[str, "Future[list[Metric]]"]:
        with self._lock:  # a source that still hangs is not started a second time
            for name, source in self._sources.items():
                if name not in self._running or self._running[name].done():
                    self._running[name] = self._threads.submit(_read, source)
            return dict(self._running)

    def _result(self, name: str, future: "Future[list[Metric]]") -> list[Metric]:
        if not future.done():
            _log.warning("metrics: %s took longer than %.0f s", name, _TIMEOUT_S)
            return []
        failure = future.exception()
        if failure is not None:
            _log.warning("metrics: %s cannot be read", name, exc_info=failure)
            return []
        return future.result()


def _read(source: Collector) -> list[Metric]:
    try:
        return list(source.collect())
    finally:
        connections.close_all()
