"""What ``doctor`` and ``connectors test`` look at: one thing each, none of them changes anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console

from tajo_pipelines.brevo.account import AccountDetails, check_ecommerce, read_details, require_ecommerce
from tajo_pipelines.brevo.attributes import OURS, read_attributes, takes
from tajo_pipelines.brevo.limits import TIERS
from tajo_pipelines.brevo.lists import FOLDER, NAMES, find_lists
from tajo_pipelines.brevo.probe import probe_write
from tajo_pipelines.cli.documents import Document, error_document
from tajo_pipelines.cli.edge import Outcome
from tajo_pipelines.cli.missing_secrets import missing_of_account, missing_of_connection
from tajo_pipelines.cli.preflight import PATIENCE
from tajo_pipelines.model.errors import ConfigError, TajoError
from tajo_pipelines.model.order import Order
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Account, Connection
from tajo_pipelines.sync.account import OpenAccount, open_account, require_rate, wanted_attributes
from tajo_pipelines.sync.workspace import Workspace

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"

MOST_APART = 120.0
"""Seconds by which clocks may differ."""

CLICK = "open app.brevo.com, Contacts, Settings, Contact attributes"
"""Where attributes are made and deleted by hand."""

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


def check_source(
    checks: Checks, workspace: Workspace, connection: Connection, elsewhere: Collection[str] = ()
) -> SourceInfo | None:
    """Whether the platform lets the connection in, with all permissions; notices with these codes are left out."""
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
    manifest = workspace.connector(connection).manifest
    for notice in found[0].notices if found else ():
        if notice.code in elsewhere:
            continue
        scope = next((name for name in manifest.scopes.recommended if name in notice.message), None)
        hint = f"add {scope} to the app's scopes, release that version and approve it in the shop" if scope else None
        checks.note(connection.name, notice.code, WARNING, notice.message, hint)
    return found[0] if found else None


def check_key(checks: Checks, workspace: Workspace, account: Account) -> AccountDetails | None:
    """Whether Brevo lets us in; what the account says of itself, then."""
    found: list[AccountDetails] = []

    def look() -> str:
        with opened_account(workspace, account) as opened:
            found.append(read_details(opened.client))
        identity = found[0].identity
        return f"Brevo answers for {identity.company or 'an account without a name'} ({identity.organization_id})"

    return found[0] if checks.look(subject_of(account), "key", look) else None


def check_account(
    checks: Checks, workspace: Workspace, account: Account, sources: dict[str, SourceInfo | None]
) -> bool:
    """Everything that an account must have; whether Brevo lets us in.

    Args:
        checks: Takes the findings.
        workspace: Settings and store.
        account: The account.
        sources: What was found at the enabled connections that feed it.
    """
    details = check_key(checks, workspace, account)
    if details is None:
        return False
    subject = subject_of(account)
    check_plan(checks, subject, details)
    check_clock(checks, subject, details, workspace.now())
    with opened_account(workspace, account) as opened:
        checks.look(subject, "lists", lambda: _lists(workspace, opened, list(sources)))
        _attributes(checks, workspace, opened, list(sources))
        _commerce(checks, workspace, opened, sources)
        _tier(checks, workspace, opened)
    return True


def check_plan(checks: Checks, subject: str, details: AccountDetails) -> None:
    """What is booked. Contacts, orders and events need no credits: a plan without any is no trouble."""
    told = [
        f"{plan.kind or 'unnamed'}, {plan.credits:,.0f} credits" + (f", until {plan.ends}" if plan.ends else "")
        for plan in details.plans
    ]
    checks.note(subject, "plan", OK, "; ".join(told) or "Brevo names none")


def check_clock(checks: Checks, subject: str, details: AccountDetails, now: datetime) -> None:
    """Whether this machine's clock goes as Brevo's does: windows and consent are compared by time."""
    if details.answered_at is None:
        checks.note(subject, "clock", SKIPPED, "Brevo's answer carries no date")
        return
    apart = (now - details.answered_at).total_seconds()
    if abs(apart) <= MOST_APART:
        checks.note(subject, "clock", OK, "this machine's clock goes with Brevo's")
        return
    ahead = "ahead of" if apart > 0 else "behind"
    message = f"this machine's clock is {abs(apart):,.0f} s {ahead} Brevo's"
    checks.note(subject, "clock", WARNING, message, "let it be set by the network: timedatectl set-ntp true")


def check_writing(checks: Checks, workspace: Workspace, account: Account) -> None:
    """Whether the key may write, proved by a throw-away contact; asked for explicitly alone."""

    def look() -> str:
        with opened_account(workspace, account) as opened:
            try:
                address = probe_write(opened.client)
            except TajoError as error:
                error.hint = (
                    error.hint or "tajo calls list --path /contacts shows what Brevo answered; is the key a full one?"
                )
                raise
        return f"{address} was written, blocked and on no list, and removed again"

    checks.look(subject_of(account), "writing", look)


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
    if configured["subscribers"] is not None and configured["subscribers"] == configured["all_contacts"]:
        message = f"list {configured['subscribers']} is meant for all contacts and for subscribers"
        hint = "name two lists: whoever unsubscribes leaves that of the subscribers"
        raise ConfigError(message, code="same_list", where="brevo.lists", hint=hint)
    found, missing = find_lists(opened.client, opened.state, configured, now)
    for name in connections:
        own = workspace.settings.connection(name).lists.subscribers
        if own is not None:
            find_lists(opened.client, opened.state, {"subscribers": own}, now)
    parts = [f"{NAMES[purpose]!r} has the id {number}" for purpose, number in found.items()]
    parts += [f"{NAMES[purpose]!r} is made by the first sync, in the folder {FOLDER!r}" for purpose in missing]
    return "; ".join(parts)


def _attributes(checks: Checks, workspace: Workspace, opened: OpenAccount, connections: list[str]) -> None:
    wanted: dict[str, str] = dict(OURS)
    for name in connections:
        wanted |= wanted_attributes(workspace, workspace.settings.connection(name))
    subject = subject_of(opened.settings)
    known = read_attributes(opened.client, opened.state, workspace.now(), fresh=True)
    missing = sorted(wanted.keys() - known.keys())
    unfit = sorted(name for name in wanted.keys() & known.keys() if not takes(known[name], wanted[name]))
    if missing and opened.settings.create_attributes:
        checks.note(subject, "attributes", OK, f"the first sync makes {_listed(missing)}")
    elif missing:
        listed = ", ".join(f"{name} ({wanted[name]})" for name in missing)
        hint = f"{CLICK} and add them there, or set brevo.create_attributes to true"
        checks.note(subject, "attributes", WARNING, f"the account lacks {listed}; their values aren't sent", hint)
    for name in unfit:
        message = f"{name} is of type {known[name].kind}, not {wanted[name]}; its values aren't sent"
        hint = f"map it to another attribute in field_mapping, or {CLICK} and delete it: the next sync makes it anew"
        checks.note(subject, "attributes", WARNING, message, hint)
    if not missing and not unfit:
        checks.note(subject, "attributes", OK, f"the account has all {len(wanted)} that are filled")


def _commerce(checks: Checks, workspace: Workspace, opened: OpenAccount, sources: dict[str, SourceInfo | None]) -> None:
    subject = subject_of(opened.settings)
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
    subject, tier = subject_of(opened.settings), opened.settings.tier
    allowed = workspace.store.budget(opened.identity).use()
    contacts = allowed.get("contacts")
    heard = contacts.per_hour if contacts is not None else None
    said = f"{tier}: {_allowance(tier, 'contacts')} contact calls, {_allowance(tier, 'other')} others an hour"
    better = [name for name in TIERS if heard is not None and TIERS[name]["contacts"].per_hour == heard]
    if better and better[0] != tier:
        hint = f"set brevo.tier to {better[0]}"
        checks.note(subject, "limits", WARNING, f"the account's limits are those of {better[0]}, not {tier}", hint)
        return
    used = ", ".join(f"{name} {use.used:,}" for name, use in allowed.items() if use.used)
    said += f"; used within the hour: {used}" if used else ""
    checks.note(subject, "limits", OK, said)


def _allowance(tier: str, bucket: str) -> str:
    limit = TIERS[tier][bucket]
    return f"{limit.per_hour or 3600 * (limit.per_second or 0):,}"


def subject_of(account: Account) -> str:
    """What findings about an account are headed with."""
    return f"Brevo account {account.name}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
