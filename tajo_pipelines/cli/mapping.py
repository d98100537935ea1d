"""``tajo mapping``: what the field mapping makes of a record, why, and whether it is what was meant."""

from __future__ import annotations

import typer

app = typer.Typer(name="mapping", help="What the field mapping makes of records.")


@app.callback()
def mapping() -> None:
    """What the field mapping makes of records."""
