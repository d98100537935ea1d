"""``tajo webhooks``: deliveries of the platforms' webhooks, received, looked at, subscribed to."""

from __future__ import annotations

import typer

from tajo_pipelines.cli.documents import (
    WEBHOOK,
    WEBHOOKS,
    WEBHOOKS_REGISTER,
    WEBHOOKS_REPLAY,
    WEBHOOKS_SERVE,
    WEBHOOKS_SUBSCRIPTIONS,
)
from tajo_pipelines.cli.edge import command
from tajo_pipelines.cli.webhooks_list import list_deliveries, replay_deliveries, show_delivery
from tajo_pipelines.cli.webhooks_register import list_subscriptions, register_webhooks
from tajo_pipelines.cli.webhooks_serve import serve_webhooks

app = typer.Typer(
    name="webhooks", help="Deliveries of the platforms' webhooks: receive them, look at them, ask for them."
)


@app.callback()
def webhooks() -> None:
    """Deliveries of the platforms' webhooks: receive them, look at them, ask for them."""


command(app, "serve", WEBHOOKS_SERVE)(serve_webhooks)
command(app, "register", WEBHOOKS_REGISTER)(register_webhooks)
command(app, "subscriptions", WEBHOOKS_SUBSCRIPTIONS)(list_subscriptions)
command(app, "list", WEBHOOKS)(list_deliveries)
command(app, "show", WEBHOOK)(show_delivery)
command(app, "replay", WEBHOOKS_REPLAY)(replay_deliveries)
