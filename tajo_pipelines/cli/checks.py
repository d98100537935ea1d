"""What ``doctor`` and ``connectors test`` look at: one thing each, none of them changes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from tajo_pipelines.brevo.account import check_ecommerce, read_identity, require_ecommerce
from tajo_pipelines.brevo.attributes import OURS, read_attributes, takes
from tajo_pipelines.brevo.limits import TIERS
from tajo_pipelines.brevo.lists import NAMES, find_lists
from tajo_pipelines.cli.documents import Document, error_document
from tajo_pipelines.cli.edge import Outcome
from tajo_pipelines.cli.missing_secrets import missing_of_account, missing_of_connection
from tajo_pipelines.cli.preflight import PATIENCE
from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.model.order import Order
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Account, Connection
from tajo_pipelines.sync.account import OpenAccount, open_account, require_rate, wanted_attributes
from tajo_pipelines.sync.workspace import Workspace

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"

_STYLES = {OK: "green", WARNING: "yellow", FAILED: "bold red", SKIPPED: "dim"}


@dataclass(slots=True)
class Checks:
    """Findings, in the order in which they were made.

    Attributes:
        found: As documents.
        first: The first failure: it decides the exit code.
    """

    found: list[Document] = field(default_factory=list)
    first: TajoError | None = None

    def note(self, subject: str, name: str, state: str, message: str, hint: str | None = None) -> None:
        """Add a finding."""
        self.found.append({"subject": subject, "name": name, "state": state, "message": message, "hint": hint})

    def look(self, subject: str, name: str, check: Callable[[], str]) -> bool:
        """Make a check, which comes back with a sentence or raises; whether it went well."""
        try:
            self.note(subject, name, OK, check())
        except TajoError as error:
            place = f"{error.where}: " if error.where else ""
            self.note(subject, name, FAILED, f"{place}{error.message}", error.hint or None)
            self.first = self.first or error
            return False
        return True

    def outcome(self) -> Outcome:
        """How the command ends."""
        show = self.show
        if self.first is None:
            return Outcome(show)
        return Outcome(show, self.first.exit_code or 1, error_document(self.first), told=True)

    def show(self, screen: Console) -> None:
        """Draw them."""
        for check in self.found:
            line = f"{check['state']:<8} {check['subject']}: {check['name']}: {check['message']}"
            screen.print(line, style=_STYLES[check["state"]])
            if check["hint"]:
                screen.print(f"         {check['hint']}")


def check_source(checks: Checks, workspace: Workspace, connection: Connection) -> SourceInfo | None:
    """Whether the platform lets the connection in, with all permissions."""
    found: list[SourceInfo] = []

    def look() -> str:
        missing = missing_of_connection(connection)
        if missing is not None:
            raise missing.error()
        with closing(workspace.open_source(connection)) as source:
            found.append(source.check())
        info = found[0]
        return f"{info.name} ({info.domain}), {info.currency}, {info.timezone}; permissions: {_listed(info.scopes)}"

    checks.look(connection.name, "source", look)
    for notice in found[0].notices if found else ():
        checks.note(connection.name, notice.code, WARNING, notice.message)
    return found[0] if found else None


def check_key(checks: Checks, workspace: Workspace, account: Account) -> bool:
    """Whether Brevo lets us in."""

    def look() -> str:
        with opened_account(workspace, account) as opened:
            identity = read_identity(opened.client)
        return f"Brevo answers for {identity.company or 'an account without a name'} ({identity.organization_id})"

    return checks.look(_subject(account), "key", look)


def check_account(
    checks: Checks, workspace: Workspace, account: Account, sources: dict[str, SourceInfo | None]
) -> None:
    """Everything that an account must have.

    Args:
        checks: Takes the findings.
        workspace: Settings and store.
        account: The account.
        sources: What was found at the enabled connections that feed it.
    """
    if not check_key(checks, workspace, account):
        return
    subject = _subject(account)
    with opened_account(workspace, account) as opened:
        checks.look(subject, "lists", lambda: _lists(workspace, opened, list(sources)))
        _attributes(checks, workspace, opened, list(sources))
        _commerce(checks, workspace, opened, sources)
        _tier(checks, workspace, opened)


@contextmanager
def opened_account(workspace: Workspace, account: Account) -> Iterator[OpenAccount]:
    """An account, opened with little patience.

    Raises:
        UsageError: There is no key.
        AuthError: Brevo refuses it.
    """
    missing = missing_of_account(account)
    if missing is not None:
        raise missing.error()
    with open_account(workspace, account, "", patience=PATIENCE) as opened:
        yield opened


def _lists(workspace: Workspace, opened: OpenAccount, connections: list[str]) -> str:
    account, now = opened.settings, workspace.now()
    configured = {"all_contacts": account.lists.all_contacts, "subscribers": account.lists.subscribers}
    found, missing = find_lists(opened.client, opened.state, configured, now)
    for name in connections:
        own = workspace.settings.connection(name).lists.subscribers
        if own is not None:
            find_lists(opened.client, opened.state, {"subscribers": own}, now)
    parts = [f"{NAMES[purpose]!r} has the id {number}" for purpose, number in found.items()]
    parts += [f"{NAMES[purpose]!r} is made by the first sync" for purpose in missing]
    return "; ".join(parts)


def _attributes(checks: Checks, workspace: Workspace, opened: OpenAccount, connections: list[str]) -> None:
    wanted: dict[str, str] = dict(OURS)
    for name in connections:
        wanted |= wanted_attributes(workspace, workspace.settings.connection(name))
    subject = _subject(opened.settings)
    known = read_attributes(opened.client, opened.state, workspace.now(), fresh=True)
    missing = sorted(wanted.keys() - known.keys())
    unfit = sorted(name for name in wanted.keys() & known.keys() if not takes(known[name], wanted[name]))
    if missing and opened.settings.create_attributes:
        checks.note(subject, "attributes", OK, f"the first sync makes {_listed(missing)}")
    elif missing:
        hint = "make them in Brevo, or set brevo.create_attributes to true"
        checks.note(subject, "attributes", WARNING, f"the account lacks {_listed(missing)}", hint)
    for name in unfit:
        message = f"{name} is of type {known[name].kind}, not {wanted[name]}; its values aren't sent"
        checks.note(subject, "attributes", WARNING, message, "give it another name in field_mapping, or a type there")
    if not missing and not unfit:
        checks.note(subject, "attributes", OK, f"the account has all {len(wanted)} that are filled")


def _commerce(checks: Checks, workspace: Workspace, opened: OpenAccount, sources: dict[str, SourceInfo | None]) -> None:
    subject = _subject(opened.settings)
    selling = [name for name in sources if _sells(workspace, workspace.settings.connection(name))]
    if not selling:
        checks.note(subject, "e-commerce", SKIPPED, "no enabled connection sends orders")
        return
    currencies: list[str] = []

    def look() -> str:
        currencies.append(require_ecommerce(check_ecommerce(opened.client), opened.settings.currency))
        return f"active, shown in {currencies[0]}"

    if not checks.look(subject, "e-commerce", look):
        return
    for name in selling:
        info = sources[name]
        if info is not None:
            checks.look(subject, "currency", _rate(opened, info.currency, currencies[0], name))


def _rate(opened: OpenAccount, shop: str, account: str, connection: str) -> Callable[[], str]:
    def look() -> str:
        require_rate(opened, shop, account, connection)
        rate = opened.settings.rates.get(shop)
        same = f"{connection} sells in {shop} too"
        return same if shop == account else f"{connection} sells in {shop}; one is worth {rate} {account}"

    return look


def _sells(workspace: Workspace, connection: Connection) -> bool:
    connector = workspace.connector(connection)
    return any(connector.stream(name).record is Order for name in connection.enabled_streams)


def _tier(checks: Checks, workspace: Workspace, opened: OpenAccount) -> None:
    """Whether the configured tier is the account's, as the headers of the calls until now tell."""
    subject, tier = _subject(opened.settings), opened.settings.tier
    allowed = workspace.store.budget(opened.identity).use()
    contacts = allowed.get("contacts")
    heard = contacts.per_hour if contacts is not None else None
    said = f"{tier}: {_allowance(tier, 'contacts')} contact calls, {_allowance(tier, 'other')} others an hour"
    better = [name for name in TIERS if heard is not None and TIERS[name]["contacts"].per_hour == heard]
    if better and better[0] != tier:
        hint = f"set brevo.tier to {better[0]}"
        checks.note(subject, "limits", WARNING, f"the account's limits are those of {better[0]}, not {tier}", hint)
        return
    checks.note(subject, "limits", OK, said)


def _allowance(tier: str, bucket: str) -> str:
    limit = TIERS[tier][bucket]
    return f"{limit.per_hour or 3600 * (limit.per_second or 0):,}"


def _subject(account: Account) -> str:
    return f"Brevo account {account.name}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
