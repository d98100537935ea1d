"""The command line put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
import typer.main

from tajo_pipelines import __version__
from tajo_pipelines.cli import calls, connectors, demo, doctor, erase, letters, mapping, twin, webhooks
from tajo_pipelines.cli.edge import JsonOption, ProjectOption, Shared, VerboseOption, show_usage

app = typer.Typer(
    name="tajo",
    help="Takes a shop's customers and orders into Brevo.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(connectors.app, name="connectors")
app.add_typer(letters.app, name="letters")
app.add_typer(mapping.app, name="mapping")
app.add_typer(calls.app, name="calls")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(twin.app, name="twin")
doctor.register(app)
erase.register(app)
demo.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tajo {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    project: ProjectOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Takes a shop's customers and orders into Brevo."""
    ctx.obj = Shared(project, as_json, verbose)


def run(arguments: Sequence[str]) -> int:
    """Run one command line in this process; its exit code."""
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(arguments), prog_name="tajo", standalone_mode=False)
    except typer.TyperException as error:
        return show_usage(error, arguments)
    return code if isinstance(code, int) else 0
