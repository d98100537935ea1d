"""``tajo webhooks``: deliveries of the platforms' webhooks, received, looked at, subscribed to."""

from __future__ import annotations

import typer

from tajo_pipelines.cli.documents import WEBHOOK, WEBHOOKS, WEBHOOKS_REPLAY, WEBHOOKS_SERVE
from tajo_pipelines.cli.edge import command
from tajo_pipelines.cli.webhooks_list import list_deliveries, replay_deliveries, show_delivery
from tajo_pipelines.cli.webhooks_serve import serve_webhooks

app = typer.Typer(
    name="webhooks", help="Deliveries of the platforms' webhooks: receive them, look at them, ask for them."
)


@app.callback()
def webhooks() -> None:
    """Deliveries of the platforms' webhooks: receive them, look at them, ask for them."""


command(app, "serve", WEBHOOKS_SERVE)(serve_webhooks)
command(app, "list", WEBHOOKS)(list_deliveries)
command(app, "show", WEBHOOK)(show_delivery)
command(app, "replay", WEBHOOKS_REPLAY)(replay_deliveries)
