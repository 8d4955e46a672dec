"""Snapshots as metrics: for Prometheus, and with `plimsoll.metrics.otel` for OpenTelemetry."""

from plimsoll.metrics.exposition import exposition

__all__ = ["exposition"]
