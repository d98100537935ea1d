"""What webhooks should have told and didn't: the changes that a batch had to bring, though webhooks tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.modes import subscribed_since
from tajo_pipelines.sync.outcome import Delivered, Missed
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

SKEW = timedelta(minutes=5)
"""How far a platform's clock may be ahead of ours. A delivery that came after the change led to a look at the record
as it was then, whatever it told of; one that came earlier didn't."""

ON_ITS_WAY = timedelta(minutes=5)
"""How long a delivery may be on its way: younger changes aren't judged."""

SHOWN = 20
"""How many keys are named."""


@dataclass(slots=True)
class Completeness:
    """Watches what the batches of one stream bring.

    Attributes:
        workspace: Settings and store.
        connection: The connection.
        stream: The stream.
        since: Since when webhooks tell of it.
        report: Of which records were sent.
        missed: Added to.
    """

    workspace: Workspace
    connection: Connection
    stream: str
    since: datetime
    report: StreamReport
    missed: Missed

    def look(self) -> None:
        """Judge what was sent since the last look."""
        sent, self.report.sent_keys = self.report.sent_keys or {}, {}
        latest = self.workspace.now() - ON_ITS_WAY
        judged = {key: at for key, at in sent.items() if self.since <= at <= latest}
        if not judged:
            return
        told = self.workspace.store.inbox.last_told(self.connection.name, self.stream, list(judged))
        untold = [key for key, at in judged.items() if key not in told or told[key] < at - SKEW]
        self.missed.count += len(untold)
        self.missed.keys += untold[: SHOWN - len(self.missed.keys)]
        if untold:
            names = {"connection": self.connection.name, "stream": self.stream}
            log.warning("webhooks didn't tell of changes", records=len(untold), **names)


def watch_completeness(
    workspace: Workspace, connection: Connection, stream: str, delivered: Delivered
) -> Completeness | None:
    """What watches a delivery of batches; None where webhooks needn't tell of the stream."""
    if connection.streams[stream].mode != "hybrid":
        return None
    since = subscribed_since(workspace, connection, stream)
    if since is None:
        return None
    delivered.missed, delivered.report.sent_keys = Missed(), {}
    return Completeness(workspace, connection, stream, since, delivered.report, delivered.missed)
