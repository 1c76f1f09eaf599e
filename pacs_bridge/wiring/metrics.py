"""The node's counters and the queues of its database, for a monitor on this machine."""

from __future__ import annotations

from collections.abc import Iterable

from pacs_bridge.scp.metrics import AUDIT, OPEN, QUEUE, Meter, Sample
from pacs_bridge.scp.metrics_server import MetricsServer
from pacs_bridge.services.audit_trail import standing
from pacs_bridge.wiring.installation import Installation


def make_meter(installation: Installation, place: int) -> Meter:
    """Make what counts for one process of the node.

    Parameters
    ----------
    place : int
        0 for the first process; from 1 on for those beside it.

    Raises
    ------
    OSError
        When its file cannot be written.
    """
    return Meter(installation.config.home / "run" / "metrics" / f"node-{place}.counts")


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
        audit = standing(read=installation.read)
        for state in ("kept", "unsent", "dropped", "lost"):
            yield Sample(AUDIT, (("state", state),), getattr(audit, state))

    return MetricsServer(lambda: [*meter.samples(), *queues(watch.numbers())], port)
