"""An opened Brevo account: client, state and everything that must hold before the first write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from tajo_pipelines.brevo.account import check_ecommerce, read_identity, require_ecommerce
from tajo_pipelines.brevo.attributes import AttributePlan, ensure
from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import OnUnknown
from tajo_pipelines.brevo.contact_change import ContactPolicy
from tajo_pipelines.brevo.lists import ensure_lists, find_lists
from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines.model.window import format_time, parse_time
from tajo_pipelines.settings.objects import DEFAULT_ACCOUNT
from tajo_pipelines.store.tombstones import Tombstones
from tajo_pipelines.sync.workspace import Workspace

if TYPE_CHECKING:
    from tajo_pipelines.brevo.ports import AccountState
    from tajo_pipelines.settings.objects import Account, Connection

PATIENCE = 300.0
"""Seconds for which a run repeats a call."""

_UNNAMED = "key:"
"""What the name begins with that stands for an account before it has told its identity."""

ASKED_ANEW = 3600.0
"""Seconds for which an account's identity and currency are believed."""


@dataclass(slots=True)
class OpenAccount:
    """One Brevo account, ready to be written to.

    Attributes:
        identity: What all state hangs on: organisation and base URL.
        client: The client.
        state: The account's state.
        tombstones: Those of the account's erased people.
    """

    settings: Account
    identity: str
    client: BrevoClient
    state: AccountState
    tombstones: Tombstones


@contextmanager
def open_account(
    workspace: Workspace, account: Account, run_id: str, *, patience: float = PATIENCE
) -> Iterator[OpenAccount]:
    """Open the account that answers to the configured key.

    Args:
        workspace: Settings and store.
        account: The account.
        run_id: Kept with every call.
        patience: Seconds for which a call is repeated.

    Raises:
        AuthError: Brevo refuses the key.
        ConfigError: There is no key, or the address can't be used.
    """
    key = account.require_api_key()
    store = workspace.store
    fingerprint = _fingerprint(account, key)
    known = _known_identity(workspace, fingerprint)
    name = known or f"{_UNNAMED}{fingerprint}"
    client = _client(workspace, account, key, name, run_id, patience)
    try:
        if known is None:
            known = read_identity(client).id
            document = {"id": known, "at": format_time(workspace.now())}
            store.set_note(_note(fingerprint), msgspec.json.encode(document).decode())
            usage = client.usage
            client.close()
            client = _client(workspace, account, key, known, run_id, patience)
            client.usage = usage
        tombstones = tombstones_of(workspace, known)
        yield OpenAccount(account, known, client, store.account(known, tombstones), tombstones)
    finally:
        client.close()


def tombstones_of(workspace: Workspace, identity: str) -> Tombstones:
    """The tombstones of an account, read by TAJO_SECRET_KEY where that is set."""
    key = workspace.settings.secret_key
    return workspace.store.tombstones(identity, key.get_secret_value() if key is not None else None)


def known_tombstones(workspace: Workspace, account: Account) -> Tombstones | None:
    """The same without a call; None for an account that was never opened, where nobody can have been erased."""
    names = [name for name in names_in_store(workspace, account) if not name.startswith(_UNNAMED)]
    return tombstones_of(workspace, names[0]) if names else None


def _client(workspace: Workspace, account: Account, key: str, name: str, run_id: str, patience: float) -> BrevoClient:
    store = workspace.store
    return BrevoClient(
        key,
        account.base_url,
        store.budget(name),
        store.calls(name),
        tier=account.tier,
        run_id=run_id,
        clock=workspace.now,
        patience=patience,
    )


def _fingerprint(account: Account, key: str) -> str:
    return blake2b(f"{account.base_url}\n{key}".encode(), digest_size=12).hexdigest()


def names_in_store(workspace: Workspace, account: Account) -> tuple[str, ...]:
    """The names under which calls of an account are kept: its identity, and what stands for its key before that.

    Empty where there is no key, and without the identity where the key was never used.
    """
    if account.api_key is None:
        return ()
    fingerprint = _fingerprint(account, account.api_key.get_secret_value())
    text = workspace.store.note(_note(fingerprint))
    known = () if text is None else (msgspec.json.decode(text, type=dict[str, str])["id"],)
    return (*known, f"{_UNNAMED}{fingerprint}")


def _note(fingerprint: str) -> str:
    return f"account/{fingerprint}"


def _known_identity(workspace: Workspace, fingerprint: str) -> str | None:
    text = workspace.store.note(_note(fingerprint))
    if text is None:
        return None
    document = msgspec.json.decode(text, type=dict[str, str])
    age = (workspace.now() - parse_time(document["at"])).total_seconds()
    return document["id"] if 0 <= age < ASKED_ANEW else None


def contact_policy(workspace: Workspace, opened: OpenAccount, *, force: bool = False) -> ContactPolicy:
    """How contacts of the account are written; its lists are found, or made.

    Raises:
        ConfigError: When the account lacks a configured list.
    """
    account, now = opened.settings, workspace.now()
    configured = {"all_contacts": account.lists.all_contacts, "subscribers": account.lists.subscribers}
    with _placed("brevo.lists" if account.name == DEFAULT_ACCOUNT else f"accounts.{account.name}.lists"):
        lists = ensure_lists(opened.client, opened.state, configured, now)
    feeding = [other for other in workspace.settings.connections.values() if other.account == account.name]
    own = {other.name: other.lists.subscribers for other in feeding if other.lists.subscribers is not None}
    for name, number in own.items():
        with _placed(f"connectors.{name}.lists.subscribers"):
            find_lists(opened.client, opened.state, {"subscribers": number}, now)
    return ContactPolicy(
        all_contacts=lists.all_contacts,
        subscribers={other.name: own.get(other.name, lists.subscribers) for other in feeding},
        precedence=account.precedence,
        ext_id_from=account.ext_id_from,
        on_unknown=OnUnknown(account.unknown_on_create),
        force=force,
    )


@contextmanager
def _placed(where: str) -> Iterator[None]:
    """Name the place in the file that an error of configuration is about."""
    try:
        yield
    except ConfigError as error:
        error.where = where
        raise


def wanted_attributes(workspace: Workspace, connection: Connection) -> Mapping[str, str]:
    """Type by name of the attributes that a connection's mapping fills."""
    return {name: str(kind) for name, kind in workspace.mapping(connection).types.items()}


def account_attributes(
    workspace: Workspace, opened: OpenAccount, wanted: Mapping[str, str]
) -> tuple[AttributePlan, list[Notice]]:
    """What the account takes of the wanted attributes, missing ones made where that is allowed."""
    create = opened.settings.create_attributes
    plan = ensure(opened.client, opened.state, wanted, create=create, now=workspace.now())
    return plan, plan.notices()


def account_currency(workspace: Workspace, opened: OpenAccount) -> str:
    """The currency in which the account counts.

    Raises:
        ConfigError: When it takes no orders, or counts in another currency than the configuration says.
    """
    now, configured = workspace.now(), opened.settings.currency
    cached = opened.state.cached("ecommerce", now, ASKED_ANEW)
    known = cached.get("currency") if cached is not None else None
    if isinstance(known, str) and configured in {None, known}:
        return known
    currency = require_ecommerce(check_ecommerce(opened.client), configured)
    # Only what is in order is believed: what a person mends at Brevo must count in the next run.
    opened.state.cache("ecommerce", {"currency": currency}, now)
    return currency


def require_rate(opened: OpenAccount, shop_currency: str, account: str, connection: str) -> None:
    """See to it that amounts of a shop can be told in the account's currency.

    Raises:
        ConfigError: When the currencies differ and no rate is configured.
    """
    if shop_currency == account or shop_currency in opened.settings.rates:
        return
    message = f"{connection} sells in {shop_currency}, the Brevo account counts in {account}, and there is no rate"
    hint = f'add brevo.rates: {{{shop_currency}: "..."}}, what one {shop_currency} is worth in {account}'
    raise ConfigError(message, code="rate_missing", where="brevo.rates", hint=hint)
