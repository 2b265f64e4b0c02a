"""
Owns counting answers by route, method and status, and showing the counts to Prometheus.

Leaves what is worth an alert to the operator. Plain numbers, turned into metrics only when somebody asks: a request
should not pay for four locks.
"""

from bisect import bisect_left
from collections.abc import Iterator

from aiohttp.web import AbstractResource
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_NAMES = [*(str(bucket) for bucket in _BUCKETS), "+Inf"]


class Tally:
    """What this process has answered since it started."""

    def __init__(self) -> None:
        self._counts: dict[tuple[AbstractResource | None, str, int], list[int]] = {}
        self._seconds: dict[tuple[AbstractResource | None, str, int], float] = {}
        self._malformed = 0
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def count(self, resource: AbstractResource | None, method: str, status: int, seconds: float) -> None:
        """One more answer; None for a path that is no route."""
        key = (resource, method, status)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * len(_NAMES)
            self._seconds[key] = 0.0
        counts[bisect_left(_BUCKETS, seconds)] += 1
        self._seconds[key] += seconds

    def count_malformed(self) -> None:
        """One more request that could not be read."""
        self._malformed += 1

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        family = HistogramMetricFamily(
            "bookable_http_request_seconds", "Time to answer", labels=["route", "method", "status"]
        )
        for (resource, method, status), counts in self._counts.items():
            route = resource.canonical if resource is not None else "unmatched"
            total, buckets = 0, []
            for name, count in zip(_NAMES, counts, strict=True):
                total += count
                buckets.append((name, float(total)))
            family.add_metric([route, method, str(status)], buckets, self._seconds[resource, method, status])
        yield family
        yield CounterMetricFamily(
            "bookable_http_malformed", "Requests that could not be read as HTTP", value=self._malformed
        )
