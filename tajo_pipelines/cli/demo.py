"""``tajo demo``: a whole shop into Brevo, both played by local stand-ins."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import requests
import typer
from rich.console import Console

from tajo_pipelines.cli.comparison import Row, compare, consent_figures, left_at_brevo, show_comparison
from tajo_pipelines.cli.demo_changes import Changes, Happening
from tajo_pipelines.cli.demo_live import LiveDemo, names, shown, summary
from tajo_pipelines.cli.demo_processes import Beside, beside
from tajo_pipelines.cli.documents import DEMO, SYNC, Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session, command
from tajo_pipelines.cli.sync_document import Verdict
from tajo_pipelines.cli.sync_screen import show_sync
from tajo_pipelines.cli.syncing import SyncOptions, synchronise
from tajo_pipelines.model.errors import ConfigError, RetryableError
from tajo_pipelines.settings.environment import read_variables
from tajo_pipelines.settings.findings import Findings
from tajo_pipelines.sync.modes import subscribed

if TYPE_CHECKING:
    from tajo_pipelines.twin.server import TwinProcess

CONFIG = Path("config") / "demo.yaml"
HOME = Path(".tajo") / "demo"
CONNECTION = "shopify"
CLOCK = 60.0
"""How many times faster the demo's windows and processes pass: Brevo's hour is a minute."""

BREVO_PORT = 8801
SHOPIFY_PORT = 8802
_PORTS = "ports.json"
_FOREIGN = ("TAJO_", "BREVO_", "SHOPIFY_")
_KEPT = {"TAJO_PROJECT"}
_TWIN_SECRET = "twin-client-secret"  # noqa: S105  opens nothing
_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Twins:
    """Both stand-ins, answering.

    Attributes:
        brevo_url: With ``/v3``.
        shopify_url: Without path.
    """

    brevo_url: str
    shopify_url: str

    def state(self) -> Document:
        """What both hold."""
        answer = requests.get(f"{self.shopify_url}/_twin/state", timeout=_TIMEOUT)
        answer.raise_for_status()
        document: Document = answer.json()
        return document


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "demo", DEMO)(demo)


def demo(
    session: Session,
    reset: Annotated[bool, typer.Option("--reset", help="Forget the demo's shop, account and store first.")] = False,
    customers: Annotated[int, typer.Option(min=1, max=100_000, help="Customers of a new shop.")] = 1000,
    live: Annotated[
        bool, typer.Option("--live", help="Then change the shop, and watch each change reach Brevo.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=1, help="End --live after so long, not at Ctrl-C.")
    ] = None,
) -> Outcome:
    """Take a whole shop into Brevo, both played by local stand-ins; no real account is touched."""
    if seconds is not None and not live:
        raise UsageError("--for says how long --live goes on", where="--for", hint="add --live")
    home = session.project / HOME
    session.body["home"] = str(home)
    if not (session.project / CONFIG).is_file():
        raise ConfigError(f"there is no {CONFIG} in {session.project}", code="no_demo", hint="name it with --project")
    running = _running(home)
    if reset:
        if running is not None:
            message = "the stand-ins of this demo are running, so their state can't be forgotten"
            raise UsageError(message, where="--reset", hint="stop them (make dev) first")
        shutil.rmtree(home, ignore_errors=True)
    with _isolated(session.project), _twins(home, running, customers) as twins:
        session.body |= {"brevo_url": twins.brevo_url, "shopify_url": twins.shopify_url}
        os.environ["TAJO_TWIN_BREVO_URL"] = twins.brevo_url
        os.environ["TAJO_TWIN_SHOPIFY_URL"] = twins.shopify_url
        _require_own_shop(twins.state(), running=running is not None)
        left_before = left_at_brevo(twins.state())
        verdict = _sync(session)
        lost: list[Happening] = []
        if live and not verdict.exit_code:
            _show_start(session, starts=running is None)
            with _beside(session.project, home, running) as around:
                lost = _watch(session, twins, around, seconds)
        outcome = _compare(session, twins, left_before, verdict)
        return Outcome(outcome.show, 1, _lost(lost)) if lost else outcome


def _sync(session: Session) -> Verdict:
    """A whole sync; its document is one part of the demo's."""
    own = session.body
    session.body = sync = SYNC.empty()
    try:
        return synchronise(session, SyncOptions(CONNECTION, full=True))
    finally:
        sent = sum(int(stream["sent"]) for stream in (sync["streams"] or {}).values())
        session.body = own | {"sync": sync, "sent": sent if sync["streams"] else None}


def _compare(session: Session, twins: Twins, left_before: int, verdict: Verdict) -> Outcome:
    """Both sides as they are now."""
    state, sync = twins.state(), session.body["sync"]
    rows, consent = compare(state, left_before), consent_figures(state)
    equal = all(row.equal for row in rows)
    session.body |= {"equal": equal, "comparison": [row.document() for row in rows], "consent": consent}
    live = session.body["live"] is not None

    def show(screen: Console) -> None:
        if not live:
            show_sync(screen, sync, ui="make dev")
        screen.print()
        show_comparison(screen, rows, consent)
        if not live:
            _show_end(screen, session.body["sent"], sync)

    if verdict.exit_code or equal:
        return Outcome(show, verdict.exit_code, verdict.error)
    return Outcome(show, 1, _difference(rows))


def _show_start(session: Session, *, starts: bool) -> None:
    if session.as_json:
        return
    show_sync(session.screen, session.body["sync"], ui="make dev")
    session.screen.print()
    if starts:
        session.screen.print("Starting a receiver of webhooks and Dagster, which takes 10 to 20 seconds.")


@contextmanager
def _beside(project: Path, home: Path, running: Twins | None) -> Iterator[Beside | None]:
    """Receiver and Dagster; those of ``make dev`` where its stand-ins run."""
    if running is not None:
        yield None
        return
    with beside(project, home) as around:
        yield around


def _watch(session: Session, twins: Twins, around: Beside | None, seconds: float | None) -> list[Happening]:
    """Change the shop and watch; the changes that didn't reach Brevo."""
    from tajo_pipelines.sync.subscriptions import register

    workspace = session.workspace(session.settings())
    if around is not None:
        register(workspace, workspace.settings.connection(CONNECTION), around.receiver_url)
    elif subscribed(workspace, workspace.settings.connection(CONNECTION)) is None:
        message = "the stand-ins run already, and nobody asked this shop for webhooks"
        raise UsageError(message, where="--live", hint="stop them, or start all of it with make dev")
    live = LiveDemo(CONNECTION, Changes(twins.shopify_url), workspace.store.inbox)
    try:
        with shown(session.screen, around, twins.shopify_url, quiet=session.as_json) as show:
            live.run(seconds, show)
    finally:
        session.body["live"] = live.document(around)
    if not session.as_json and not session.screen.is_terminal:
        session.screen.print(summary(live))
    return live.under_way


def _lost(happened: list[Happening]) -> Document:
    return {
        "code": "not_arrived",
        "message": f"{len(happened)} changes aren't at Brevo: {names(happened)}",
        "where": None,
        "hint": "tajo webhooks list shows what was received, and the UI (make dev) what the sensor's runs say",
        "details": [],
    }


def _require_own_shop(state: Document, *, running: bool) -> None:
    """See to it that the shop is the one that this version's stand-in would make again.

    Raises:
        ConfigError: An earlier version made it: its orders are others, and Brevo's side was told of those.
    """
    from tajo_pipelines.twin.shopify.shop import SEED_VERSION

    if state["shopify"]["shop"].get("seed_version") == SEED_VERSION:
        return
    message = "the demo's shop was made by another version of Tajo, and this one can't go on with it"
    first = "stop the stand-ins (make dev) first, then " if running else ""
    hint = f"{first}make demo RESET=1, or tajo demo --reset, starts anew"
    raise ConfigError(message, code="old_demo", where=str(HOME), hint=hint)


def _difference(rows: list[Row]) -> Document:
    names = ", ".join(row.what for row in rows if not row.equal)
    return {
        "code": "differs",
        "message": f"shop and Brevo differ: {names}",
        "where": None,
        "hint": "tajo demo --reset starts anew",
        "details": [],
    }


def _show_end(screen: Console, sent: int, sync: Document) -> None:
    read = sum(int(stream["read"]) for stream in sync["streams"].values())
    screen.print()
    if not sent:
        screen.print(f"{read:,} records were read and nothing was sent: Brevo has it all.", style="bold")
    else:
        screen.print("Run it again: everything is read, and nothing is sent.")
    screen.print("The UI with this run, and both stand-ins: make dev. Start anew: make demo RESET=1.")


@contextmanager
def _isolated(project: Path) -> Iterator[None]:
    """Nothing that the user has set may lead the demo to a real account: neither the environment nor ``.env``."""
    findings = Findings("")
    known = read_variables(project, os.environ, findings).values
    findings.raise_if_any()
    before = dict(os.environ)
    for name in known:
        if name.startswith(_FOREIGN) and name not in _KEPT:
            # Blank counts as absent, and goes before what .env says. A blank secret of webhooks is refused: its place
            # takes what the stand-in signs with.
            os.environ[name] = _TWIN_SECRET if name.endswith("_WEBHOOK_SECRET") else ""
    os.environ |= {"TAJO_CONFIG": str(CONFIG), "TAJO_HOME": str(HOME)}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _twins(home: Path, running: Twins | None, customers: int) -> Iterator[Twins]:
    """The stand-ins that run already, or new ones for as long as the demo takes."""
    if running is not None:
        yield running
        return
    try:
        from tajo_pipelines.twin.clock import TwinClock
        from tajo_pipelines.twin.half import TwinOptions
        from tajo_pipelines.twin.server import Twin, TwinProcess
    except ImportError as error:
        message = f"the stand-ins need {error.name}, which isn't installed"
        raise ConfigError(message, code="not_installed", hint="pip install 'tajo-pipelines[demo]'") from error
    options, clock = TwinOptions(customers=customers), TwinClock(CLOCK)
    process = _first_free(home, lambda ports: TwinProcess(Twin(home, options, clock), ports=ports))
    try:
        twins = Twins(process.brevo_url, process.shopify_url)
        _remember(home, twins)
        yield twins
    finally:
        process.stop()


def _first_free(home: Path, start: Callable[[dict[str, int]], TwinProcess]) -> TwinProcess:
    """The stand-ins on the first ports that are free.

    Those of the last time come first: what was sent is remembered by the address that it was sent to.

    Raises:
        RetryableError: Not even any.
    """
    usual = {"brevo": BREVO_PORT, "shopify": SHOPIFY_PORT}
    for ports in (*_remembered(home), usual):
        with suppress(OSError):
            return start(ports)
    try:
        return start({})
    except OSError as error:
        raise RetryableError(f"no port can be opened: {error}", code="port_taken") from error


def _remembered(home: Path) -> list[dict[str, int]]:
    with suppress(FileNotFoundError, ValueError):
        found: Any = json.loads((home / _PORTS).read_text("utf-8"))
        return [{"brevo": int(found["brevo"]), "shopify": int(found["shopify"])}]
    return []


def _remember(home: Path, twins: Twins) -> None:
    ports = {"brevo": urlsplit(twins.brevo_url).port, "shopify": urlsplit(twins.shopify_url).port}
    (home / _PORTS).write_text(json.dumps(ports), "utf-8")


def _running(home: Path) -> Twins | None:
    """Stand-ins of this home that answer already, as ``make dev`` starts them."""
    for ports in [*_remembered(home), {"brevo": BREVO_PORT, "shopify": SHOPIFY_PORT}]:
        twins = Twins(f"http://127.0.0.1:{ports['brevo']}/v3", f"http://127.0.0.1:{ports['shopify']}")
        try:
            state = twins.state()
        except (requests.RequestException, ValueError):
            continue
        if state.get("home") == str(home.resolve()):
            return twins
    return None
