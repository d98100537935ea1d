"""``tajo webhooks``: deliveries of the platforms' webhooks, received, looked at, subscribed to."""

from __future__ import annotations

import typer

app = typer.Typer(name="webhooks", help="Deliveries of the platforms' webhooks: receive them, look at them, ask for them.")


@app.callback()
def webhooks() -> None:
    """Deliveries of the platforms' webhooks: receive them, look at them, ask for them."""
