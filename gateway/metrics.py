"""What the gateway counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from gateway.exchange import Exchange
from gateway.streams import Feeds

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one gateway process; routes are counted by template, so that ids make no series."""

    def __init__(self, feeds: Feeds) -> None:
        self._registry = CollectorRegistry()
        labels = ("route", "method")
        self._requests = Counter(
            "igny8_gateway_requests_total", "Answered requests.", (*labels, "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "igny8_gateway_request_seconds",
            "Seconds until an answer began.",
            labels,
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        watched = Gauge("igny8_gateway_watched_runs", "Runs whose events are watched.", registry=self._registry)
        watched.set_function(lambda: feeds.count)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    async def __call__(self, exchange: Exchange) -> Response:  # noqa: ARG002 - an endpoint
        """Return the numbers in Prometheus' text format."""
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
