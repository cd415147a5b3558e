"""`GET /metrics`: what all processes of this server count, and what one of them reads from the databases when it is asked.

The address is answered before anything else looks at the request: whoever scrapes names a pod by its address, which is no host name that
the market answers to. It is for the machines within; the gateway knows no such address.
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
# Prometheus waits for 10 s; a database that is away must not cost it the rest.
_PATIENCE_S = 3.0


def answer_metrics(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer `/metrics`, to whoever shows the token where one is set; leave every other address to the market."""

    def respond(request: HttpRequest) -> HttpResponse:
        if request.path_info != "/metrics":
            return get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        if not _may_read(request):
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
        return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})

    return respond


def _may_read(request: HttpRequest) -> bool:
    token = settings.GDMARKET_METRICS_TOKEN
    return not token or constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {token}")


@cache
def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    # Where gunicorn serves, the counters of its workers, and of what runs beside them, lie in files that all can read.
    if values.ValueClass is not values.MutexValue:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
        registry.register(BUILD)
    else:
        registry.register(REGISTRY)
    registry.register(_Sources(_sources()))
    return registry


def _sources() -> dict[str, Collector]:
    databases = {f"database {alias}": DatabaseCollector(alias=alias) for alias in connections}
    return {"bus": BacklogCollector(), "breaker": StateCollector(), "rentals": RentalsCollector(), "money": MoneyCollector(), **databases}


class _Sources(Collector):
    """Reads several sources at once, each in a thread and on connections of its own; who is not done in time gives nothing this time."""

    def __init__(self, sources: Mapping[str, Collector]) -> None:
        self._sources = sources
        self._threads = ThreadPoolExecutor(len(sources), thread_name_prefix="metrics")
        self._running: dict[str, Future[list[Metric]]] = {}
        self._lock = Lock()

    def describe(self) -> Iterator[Metric]:
        """Name no metric: nobody registers another under the same names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        reading = self._start()
        wait(reading.values(), timeout=_PATIENCE_S)
        answers = GaugeMetricFamily("metrics_source_up", "1 where the numbers of a source could be read.", labels=["source"])
        families: dict[str, Metric] = {}
        for name, future in reading.items():
            found = self._result(name, future)
            answers.add_metric([name], float(any(family.samples for family in found)))
            for family in found:
                told = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                told.samples.extend(family.samples)
        yield answers
        yield from families.values()

    def _start(self) -> dict[str, "Future[list[Metric]]"]:
        with self._lock:  # a source that hangs since the last time is not asked a second time
            for name, source in self._sources.items():
                if name not in self._running or self._running[name].done():
                    self._running[name] = self._threads.submit(_read, source)
            return dict(self._running)

    def _result(self, name: str, future: "Future[list[Metric]]") -> list[Metric]:
        if not future.done():
            _log.warning("metrics: %s took longer than %.0f s", name, _PATIENCE_S)
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
