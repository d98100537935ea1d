"""``tajo twin``: local stand-ins of Brevo and of a Shopify shop."""

from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from tajo_pipelines.cli.documents import TWIN
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.model.errors import ConfigError, RetryableError
from tajo_pipelines.settings.environment import read_home, read_variables
from tajo_pipelines.settings.findings import Findings

app = typer.Typer(name="twin", help="Local stand-ins of Brevo and of a Shopify shop.")

BREVO_PORT = 8801
SHOPIFY_PORT = 8802
CUSTOMERS = 1000
SEED = 1


@app.callback()
def twin() -> None:
    """Local stand-ins of Brevo and of a Shopify shop."""


@command(app, "serve", TWIN)
def serve_twin(
    session: Session,
    brevo_port: Annotated[int, typer.Option(min=0, max=65535, help="Brevo's port; 0 takes a free one.")] = BREVO_PORT,
    shopify_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The shop's port; 0 takes a free one.")
    ] = SHOPIFY_PORT,
    customers: Annotated[int, typer.Option(min=0, max=1_000_000, help="Customers of a new shop.")] = CUSTOMERS,
    seed: Annotated[int, typer.Option(help="Makes a new shop repeatable.")] = SEED,
    clock: Annotated[
        float, typer.Option(min=0.001, max=100_000, help="How many times faster windows, delays and processes pass.")
    ] = 1.0,
    tier: Annotated[
        Literal["general", "advanced", "extended", "unlimited"], typer.Option(help="Brevo's rate limits.")
    ] = "general",
    reset: Annotated[bool, typer.Option("--reset", help="Forget the kept state and start anew.")] = False,
) -> Outcome:
    """Serve both until Ctrl-C; their state is kept in the project's home."""
    findings = Findings("")
    home = read_home(session.project, read_variables(session.project, os.environ, findings))
    findings.raise_if_any()
    session.body["home"] = str(home)
    try:
        from tajo_pipelines.twin.server import serve
    except ImportError as error:
        message = f"the stand-ins need {error.name}, which isn't installed"
        raise ConfigError(message, code="not_installed", hint="pip install 'tajo-pipelines[demo]'") from error

    def started(brevo_url: str, shopify_url: str) -> None:
        session.body |= {"brevo_url": brevo_url, "shopify_url": shopify_url}
        if session.as_json:
            session.print_document()
        else:
            session.screen.print(f"Brevo:   {brevo_url}")
            session.screen.print(f"Shopify: {shopify_url}")
            session.screen.print(f"What they hold: {shopify_url}/_twin; Ctrl-C ends them")

    try:
        serve(
            home,
            brevo_port,
            shopify_port,
            customers=customers,
            seed=seed,
            clock=clock,
            tier=tier,
            reset=reset,
            started=started,
        )
    except OSError as error:
        message = f"a port can't be opened: {error.strerror or error}"
        raise RetryableError(
            message,
            code="port_taken",
            where=f"ports {brevo_port} and {shopify_port}",
            hint="name others with --brevo-port and --shopify-port",
        ) from error
    return Outcome(lambda _: None)
