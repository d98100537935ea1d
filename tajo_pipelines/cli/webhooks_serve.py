"""``tajo webhooks serve``: the receiver of webhooks."""

from __future__ import annotations

from typing import Annotated

import typer

from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.receiver.server import ADMIN_PORT, HOST, PORT, Address, Started, serve


def serve_webhooks(
    session: Session,
    host: Annotated[str, typer.Option(metavar="HOST", help="Address of the platforms' port.")] = HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The platforms' port; 0 takes a free one.")] = PORT,
    admin_host: Annotated[str, typer.Option(metavar="HOST", help="Address of the admin port.")] = HOST,
    admin_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /healthz, /readyz and /metrics; 0 takes a free one.")
    ] = ADMIN_PORT,
) -> Outcome:
    """Receive webhooks until Ctrl-C: prove them, keep them, and only then say yes."""
    settings = session.settings()
    session.warnings += settings.warnings

    def started(now: Started) -> None:
        session.body |= {
            "url": now.url,
            "admin_url": now.admin_url,
            "routes": [
                {
                    "connection": route.connection,
                    "connector": route.connector,
                    "path": route.path,
                    "streams": sorted(route.live),
                    "topics": sorted(route.webhooks.topics),
                }
                for route in now.routes
            ],
        }
        if session.as_json:
            session.print_document()
            return
        for route in now.routes:
            session.screen.print(
                f"POST {now.url}{route.path}  ({', '.join(sorted(route.live)) or 'kept, not worked off'})"
            )
        session.screen.print(f"health and metrics: {now.admin_url}/healthz, /readyz, /metrics; Ctrl-C ends it")

    serve(settings, Address(host, port, admin_host, admin_port), started=started)
    return Outcome(lambda _: None)
