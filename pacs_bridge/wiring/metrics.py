"""The node's counters and the queues of its database, for a monitor on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from pacs_bridge.scp.metrics import OPEN, QUEUE, Meter, MetricsServer, Sample
from pacs_bridge.wiring.installation import Installation


def serve_metrics(installation: Installation, meter: Meter) -> MetricsServer | None:
    """Serve ``/metrics`` where the settings ask for it; None where they do not.

    Raises
    ------
    OSError
        When the port is taken.
    """
    from sqlalchemy.orm import sessionmaker

    from pacs_bridge.db.watch_queries import Numbers, WatchQueries

    port = installation.config.node.metrics_port
    if port < 0:
        return None
    watch = WatchQueries(sessionmaker(installation.reading_engine, expire_on_commit=False))

    def queues(numbers: Numbers) -> Iterable[Sample]:
        yield Sample(OPEN, (), numbers.open_associations)
        for queue in ("objects", "readings", "outbox", "mails"):
            for state, length in sorted(getattr(numbers, queue).items()):
                yield Sample(QUEUE, (("queue", queue), ("state", state)), length)

    return MetricsServer(lambda: [*meter.samples(), *queues(watch.numbers())], port)
