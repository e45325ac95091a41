"""What Prometheus is told: requests, their durations, verdicts, batches, jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """The figures of one application; its own registry, so that several may live in one process.

    Where several processes answer, PROMETHEUS_MULTIPROC_DIR names the folder of what they count together.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "findmake_requests_total",
            "Requests by route and status",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "findmake_request_seconds",
            "Seconds until the answer begins",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.verdicts = Counter(
            "findmake_verdicts_total", "Verdicts on queries", ["verdict"], registry=self.registry
        )
        self.batches = Histogram(
            "findmake_batch_inputs", "Inputs encoded at once", buckets=_SIZES, registry=self.registry
        )
        self._now = CollectorRegistry()

    def watch(self, *, items: Callable[[], int], jobs: Callable[[], int]) -> None:
        """Read these whenever somebody asks."""
        self._now.register(_Now(items, jobs))

    def written(self) -> bytes:
        """Write all of it in Prometheus's text format."""
        counted = self.registry
        if ValueClass is not MutexValue:  # several processes count together
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(self._now)


class _Now(Collector):
    """What is so at this moment, whichever process is asked."""

    def __init__(self, items: Callable[[], int], jobs: Callable[[], int]) -> None:
        self._items, self._jobs = items, jobs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read both."""
        yield GaugeMetricFamily("findmake_items", "Items of the collection", value=self._items())
        yield GaugeMetricFamily("findmake_jobs_unfinished", "Jobs that wait or run", value=self._jobs())


class Measured:
    """Counts requests and times them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status, seconds = 500, 0.0

        async def sending(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.perf_counter() - started
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            # The template of the route, never the path: each label's values must be few.
            route = getattr(scope.get("route"), "path", "other")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
