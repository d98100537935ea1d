"""What the receiver tells a monitoring, in Prometheus' form. Nothing of a delivery but numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tajo_pipelines.store.inbox_figures import InboxFigures

_COMMIT = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_LAG = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_QUANTILES = (0.5, 0.95)


class Metrics:
    """All figures of one process.

    Attributes:
        registry: What is told; nothing else of this process stands in it.
        received: Deliveries that are in the database, also those that came again.
        duplicates: Those that came again.
        refused: Deliveries without a yes.
        bytes: Of the bodies received.
        append_seconds: From the last byte of a body to its commit.
        commit_rows: Deliveries of one commit.
        lag: From the happening at the source to the receipt.
    """

    def __init__(self, connections: Iterable[str]) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.received = self._counter("received", "Deliveries kept, also those that came again.", "connection")
        self.duplicates = self._counter("duplicates", "Deliveries that came again.")
        self.refused = self._counter("refused", "Deliveries without a yes.", "connection", "reason")
        self.bytes = self._counter("received_bytes", "Bytes of the bodies kept.", "connection")
        self.append_seconds = self._histogram("append_seconds", "From a body's last byte to its commit.", _COMMIT)
        self.commit_rows = self._histogram("commit_deliveries", "Deliveries of one commit.", _ROWS)
        self.lag = self._histogram("source_lag_seconds", "From the happening to its receipt.", _LAG, "connection")
        self.waiting = Gauge("tajo_webhooks_queue", "Deliveries that wait for their commit.", registry=self.registry)
        self._inbox = _Inbox()
        self.registry.register(self._inbox)
        ProcessCollector(registry=self.registry)
        for name in connections:
            for family in (self.received, self.bytes, self.lag):
                family.labels(name)

    def tell(self, figures: InboxFigures) -> None:
        """Take the inbox's figures over for the next look."""
        self._inbox.figures = figures

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tajo_webhooks_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"tajo_webhooks_{name}", text, labels, buckets=buckets, registry=self.registry)


class _Inbox(Collector):
    """Figures that the database knows, as it was asked last."""

    figures: InboxFigures | None = None

    def collect(self) -> Iterator[Metric]:
        """The inbox as gauges."""
        figures = self.figures
        if figures is None:
            return
        waiting = GaugeMetricFamily(
            "tajo_inbox_waiting", "Deliveries that aren't settled.", labels=["connection", "state"]
        )
        for labels, count in figures.waiting.items():
            waiting.add_metric(labels, count)
        yield waiting
        oldest = GaugeMetricFamily("tajo_inbox_oldest_seconds", "Age of the oldest of them.", labels=["connection"])
        now = datetime.now(UTC)
        for name, at in figures.oldest.items():
            oldest.add_metric([name], max(0.0, (now - at).total_seconds()))
        yield oldest
        recent = GaugeMetricFamily(
            "tajo_inbox_recent", "States of the deliveries received last.", labels=["connection", "state"]
        )
        for labels, count in figures.recent.items():
            recent.add_metric(labels, count)
        yield recent
        lag = GaugeMetricFamily(
            "tajo_inbox_delivered_lag_seconds",
            "From the happening to Brevo's answer, of the deliveries received last.",
            labels=["connection", "quantile"],
        )
        for name, lags in figures.lags.items():
            for quantile in _QUANTILES:
                lag.add_metric([name, str(quantile)], lags[min(len(lags) - 1, int(quantile * len(lags)))])
        yield lag
