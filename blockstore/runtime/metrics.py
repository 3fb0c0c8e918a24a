"""Figures for Prometheus: one registry a process, typed families, the text that is scraped.

Rules
- A name is `<package>_<thing>_<unit>`, in base units (seconds, bytes), and says what is counted.
- What the process itself does is counted where it happens: `counter`, `gauge`, `duration`.
- What it only knows of others is told anew at each scrape by a function that returns
  `Family` objects (`watch`), so that figures of a machine that is gone are gone too.
- Labels have few values: states, node names; never paths, job ids or error texts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# From a cached answer to a write that waits for three disks.
DURATION_BUCKETS_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One gauge with a value for each combination of label values."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[tuple[str, ...], float], ...] = field(default=())


Watch: TypeAlias = Callable[[], Iterable[Family]]


def single(name: str, help_text: str, value: float) -> Family:
    """A family without labels."""
    return Family(name, help_text, (), (((), value),))


class Metrics:
    """One registry. Thread-safe."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)

    def counter(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Counter:
        """Only rises; `.labels(…).inc(amount)`.

        Raises:
            ValueError: the name is taken.
        """
        return Counter(name, help_text, labels, registry=self._registry)

    def gauge(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Gauge:
        """Rises and falls; `.labels(…).set(value)`."""
        return Gauge(name, help_text, labels, registry=self._registry)

    def duration(self, name: str, help_text: str, labels: Sequence[str] = ()) -> Histogram:
        """How long something takes, seconds; `with metric.labels(…).time():`."""
        if not name.endswith("_seconds"):
            raise ValueError(f"the name of a duration ends in _seconds: '{name}'")
        return Histogram(
            name, help_text, labels, registry=self._registry, buckets=DURATION_BUCKETS_S
        )

    def watch(self, families: Watch) -> None:
        """Calls `families` at each scrape; it must not block."""
        self._registry.register(_Watched(families))

    def text(self) -> bytes:
        """All figures in Prometheus' text format; send it as `CONTENT_TYPE`."""
        return generate_latest(self._registry)


class _Watched(Collector):
    """A function's families, as prometheus_client wants them."""

    def __init__(self, families: Watch) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for family in self._families():
            metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for labels, value in family.values:
                metric.add_metric(labels, value)
            yield metric
