"""Where commands meet the world: shared options, and the one place that turns errors into exit codes and documents."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import structlog
import typer
from rich.console import Console

from tajo_pipelines.cli import logs
from tajo_pipelines.cli.documents import (
    ERROR,
    INTERRUPTED,
    Document,
    Kind,
    UsageError,
    encoded,
    envelope,
    error_document,
)
from tajo_pipelines.cli.project import announce_project, find_project
from tajo_pipelines.model.errors import Notice, TajoError
from tajo_pipelines.settings import Settings, load_settings
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="The project's folder; default: the nearest with workspace.yaml."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, all else on stderr.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Tell on stderr what happens.")]

_SHARED = ("project", "as_json", "verbose")
_WIDTH = 120
_KIND = "document_kind"


@dataclass(slots=True)
class Shared:
    """Options that hold for every command, wherever on the line they stand."""

    project: Path | None = None
    as_json: bool = False
    verbose: bool = False


@dataclass(slots=True)
class Outcome:
    """What a command comes back with.

    Attributes:
        show: Draws it for a person.
        exit_code: Of the process.
        error: Of the envelope, where the exit code isn't 0.
        told: Whether ``show`` tells a person of the error.
    """

    show: Callable[[Console], None]
    exit_code: int = 0
    error: Document | None = None
    told: bool = False


@dataclass(slots=True)
class Session:
    """One command on its way.

    Attributes:
        project: The project's folder.
        as_json: Whether a document is wanted.
        kind: Which one.
        screen: stdout, for a person.
        aside: stderr.
        body: The document's own keys, filled as they become known: an error prints them too.
        warnings: What a person should know.
    """

    project: Path
    as_json: bool
    verbose: bool
    kind: Kind
    screen: Console
    aside: Console
    body: Document
    warnings: list[Notice] = field(default_factory=list)
    printed: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)
    _workspace: Workspace | None = None
    _home: Path | None = None

    def settings(self) -> Settings:
        """The project's settings, read anew; a missing secret is a warning here.

        Raises:
            ConfigError: With every finding.
        """
        return self.adopt(load_settings(self.project, require_secrets=False))

    def adopt(self, settings: Settings) -> Settings:
        """Log where these settings say; they come back."""
        if self._home != settings.home:
            self._stack.close()
            self._home = settings.home
            self._stack.enter_context(logs.logging_to(settings.home, verbose=self.verbose))
        return settings

    def workspace(self, settings: Settings) -> Workspace:
        """The workspace over these settings; closed with the command."""
        if self._workspace is not None:
            self._workspace.close()
        self._workspace = Workspace(settings)
        return self._workspace

    def print_document(self, exit_code: int = 0, error: Document | None = None) -> None:
        """Print the one document of the command."""
        self.printed = True
        document = envelope(self.kind, self.body, exit_code=exit_code, error=error, warnings=self.warnings)
        sys.stdout.write(encoded(document) + "\n")
        sys.stdout.flush()

    def log_place(self) -> str:
        """Where the log is, for a sentence."""
        return str(logs.log_file(self._home)) if self._home is not None else "no log: the home isn't known yet"

    def close(self) -> None:
        """Let go of store and log."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None
        self._stack.close()


def command(app: typer.Typer, name: str, kind: Kind) -> Callable[[Callable[..., Outcome]], Callable[..., Outcome]]:
    """Register a command: a function of a `Session` and its own parameters, which comes back with an `Outcome`.

    Args:
        app: Where.
        name: Its name.
        kind: What its ``--json`` prints.
    """

    def register(function: Callable[..., Outcome]) -> Callable[..., Outcome]:
        @wraps(function)
        def called(ctx: typer.Context, **values: Any) -> int:
            shared = _merged(ctx.obj, Shared(*(values.pop(key) for key in _SHARED)))
            return perform(kind, shared, lambda session: function(session, **values))

        _sign(called, function)
        setattr(called, _KIND, kind)
        app.command(name)(called)
        return function

    return register


def _sign(called: Callable[..., int], function: Callable[..., Outcome]) -> None:
    """Give a wrapper the parameters that the command line shows: the command's own, then the shared ones."""
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "session"
    ]
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter("project", keyword, default=None, annotation=ProjectOption),
        inspect.Parameter("as_json", keyword, default=False, annotation=JsonOption),
        inspect.Parameter("verbose", keyword, default=False, annotation=VerboseOption),
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    signature = inspect.Signature([context, *own, *shared])
    called.__signature__ = signature  # type: ignore[attr-defined]  # how inspect is told of a wrapper's parameters
    called.__annotations__ = {name: item.annotation for name, item in signature.parameters.items()}


def _merged(above: object, own: Shared) -> Shared:
    if not isinstance(above, Shared):
        return own
    return Shared(own.project or above.project, own.as_json or above.as_json, own.verbose or above.verbose)


def perform(kind: Kind, shared: Shared, act: Callable[[Session], Outcome]) -> int:
    """Run a command to its exit code. Whatever goes wrong ends here, as a sentence and a number."""
    session = Session(
        project=Path.cwd(),
        as_json=shared.as_json,
        verbose=shared.verbose,
        kind=kind,
        screen=_console(sys.stdout),
        aside=_console(sys.stderr),
        body=kind.empty(),
    )
    try:
        session.project = find_project(shared.project)
        announce_project(session.project)
        outcome = act(session)
    except TajoError as error:
        outcome = _failed(error)
    except KeyboardInterrupt:
        outcome = _interrupted()
    except BrokenPipeError:
        # Whoever read stdout has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        outcome = Outcome(lambda _: None, 1)
    except Exception as error:  # noqa: BLE001  the last resort: a person gets a sentence, the log the traceback
        outcome = _unexpected(session, error)
    try:
        _show(session, outcome)
    finally:
        session.close()
    return outcome.exit_code


def _failed(error: TajoError) -> Outcome:
    # An error that ends a command is never a success, whatever it would be inside of a run.
    return Outcome(lambda _: None, error.exit_code or 1, error_document(error))


def _interrupted() -> Outcome:
    error = TajoError("stopped; what was done until now is kept, and the same command goes on from there")
    return Outcome(lambda _: None, INTERRUPTED, error_document(error) | {"code": "interrupted"})


def _unexpected(session: Session, error: Exception) -> Outcome:
    log.error("the command failed unexpectedly", exc_info=error)
    message = f"this shouldn't have happened: {type(error).__name__}; the log knows more"
    return Outcome(lambda _: None, 1, error_document(TajoError(message, code="unexpected", where=session.log_place())))


def _show(session: Session, outcome: Outcome) -> None:
    if session.as_json:
        if not session.printed:
            session.print_document(outcome.exit_code, outcome.error)
        return
    outcome.show(session.screen)
    for notice in dict.fromkeys(session.warnings):
        place = f"{notice.where}: " if notice.where else ""
        session.aside.print(f"warning: {place}{notice.message}", style="yellow")
    if outcome.error is not None and not outcome.told:
        show_error(session.aside, outcome.error)


def show_error(aside: Console, error: Document) -> None:
    """An error for a person: one sentence, and the way out below."""
    place = f"{error['where']}: " if error["where"] else ""
    aside.print(f"error: {place}{error['message']}", style="bold red")
    if error["hint"]:
        aside.print(f"  {error['hint']}")


def show_usage(error: typer.TyperException, arguments: Sequence[str]) -> int:
    """What is wrong with a command line, with ``--json`` as a document too; exit code 2."""
    context = getattr(error, "ctx", None)
    found = getattr(getattr(getattr(context, "command", None), "callback", None), _KIND, None)
    path = getattr(context, "command_path", "tajo")
    problem = UsageError(error.format_message().strip() or "a command is missing", hint=f"{path} --help says more")
    return perform(
        found if isinstance(found, Kind) else ERROR,
        Shared(as_json="--json" in arguments),
        lambda _: _failed(problem),
    )


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else _WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False, soft_wrap=False)
