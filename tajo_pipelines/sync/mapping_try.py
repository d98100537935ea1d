"""What Brevo would be told of one record, as far as that can be known without asking Brevo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any

from tajo_pipelines.brevo.consent_door import OnUnknown
from tajo_pipelines.brevo.contact_change import ContactChange, ContactPolicy, Draft
from tajo_pipelines.brevo.contact_plan import plan_contacts
from tajo_pipelines.brevo.event_documents import event_document
from tajo_pipelines.brevo.lists import NAMES
from tajo_pipelines.brevo.orders import order_document
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.product_documents import category_document, product_documents
from tajo_pipelines.brevo.singles import upsert_body
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.event import Event
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product
from tajo_pipelines.settings.objects import Account, Connection
from tajo_pipelines.store.opening import open_store
from tajo_pipelines.sync.carts import cart_event
from tajo_pipelines.sync.events import EventRules, Told, customer_events, order_events
from tajo_pipelines.sync.one_look import Look
from tajo_pipelines.sync.workspace import Workspace

_ALL, _SUBSCRIBERS = 1, 2
"""Stand in for the ids of lists that are found by their names."""


@dataclass(frozen=True, slots=True)
class Document:
    """One object that Brevo would get.

    Attributes:
        kind: ``contact``, ``order``, ``product``, ``category`` or ``event``.
        path: Where it goes: ``/contacts``.
        body: It.
    """

    kind: str
    path: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Trial:
    """What a record comes to.

    Attributes:
        look: The record with its attributes, identity and consent.
        documents: What Brevo would get, in this order.
        lists: Names or ids of lists that the contact joins.
        blocked: Channels that the same call blocks.
        skipped: Why nothing is sent, or why there is no event; None where that isn't so.
        undecided: What hangs on Brevo, or on what it was given before.
    """

    look: Look
    documents: list[Document] = field(default_factory=list)
    lists: list[str | int] = field(default_factory=list)
    blocked: tuple[str, ...] = ()
    skipped: str | None = None
    undecided: list[str] = field(default_factory=list)


def tried(workspace: Workspace, look: Look) -> Trial:
    """What Brevo would be told now, if it knew nothing of the person and had been given nothing before.

    Args:
        workspace: The project; its store isn't opened.
        look: The record.

    Raises:
        ConfigError: The shop's currency isn't the account's, and there is no rate.
    """
    account, now = workspace.account(look.connection), workspace.now()
    trial = Trial(look)
    if look.form is None or look.rejected is not None:
        trial.skipped = look.rejected.reason if look.rejected is not None else None
        return trial
    reason = _silent(look.form, account, now)
    if reason is not None:
        trial.skipped = reason
        return trial
    if look.change is not None and not _contact(trial, look.change, account, now):
        return trial
    trial.documents += _documents(trial, account, now)
    return trial


def _silent(form: object, account: Account, now: datetime) -> str | None:
    """Why a record isn't told at all."""
    if isinstance(form, Order):
        return "test_order" if form.test else None
    if not isinstance(form, Cart):
        return None
    if form.completed_at is not None:
        return "completed"
    if not form.lines:
        return "empty"
    return None if _rules(account).live(form.updated_at, now) else "history"


def _rules(account: Account) -> EventRules:
    return EventRules(account.events.live_window)


# -- the contact ------------------------------------------------------------------------------------------------------


def _contact(trial: Trial, change: ContactChange, account: Account, now: datetime) -> bool:
    """Add the contact; whether there is one."""
    draft = _draft(change, _policy(account, trial.look.connection), now)
    trial.undecided.append("whether Brevo knows the person already: this is what a new contact is given")
    if trial.look.explanations:
        how = "and makes those that it lacks" if account.create_attributes else "and leaves out those that it lacks"
        trial.undecided.append(f"the account's attributes: a run looks at their types, {how}")
    if draft.skipped:
        trial.skipped = "unknown_consent"
        return False
    names = _list_names(account, trial.look.connection)
    trial.lists = [names[number] for number in sorted(draft.lists)]
    if any(isinstance(name, str) for name in trial.lists):
        trial.undecided.append("ids of lists that the configuration doesn't name: their names stand here")
    trial.blocked = tuple(sorted(str(channel) for channel in draft.flags))
    body = upsert_body(draft)
    if "listIds" in body:
        body["listIds"] = trial.lists
    trial.documents.append(Document("contact", "/contacts", body))
    return True


def _draft(change: ContactChange, policy: ContactPolicy, now: datetime) -> Draft:
    with _nothing_known() as state:
        plan = plan_contacts([change], state=state, policy=policy, redate=lambda _: (), now=now)
    return plan.drafts[0]


@contextmanager
def _nothing_known() -> Iterator[AccountState]:
    """The state of an account of which nothing is known, for a moment."""
    with TemporaryDirectory(prefix="tajo-") as folder:
        store = open_store(f"sqlite:///{folder}/store.db")
        try:
            yield store.account("nobody")
        finally:
            store.close()


def _policy(account: Account, connection: Connection) -> ContactPolicy:
    return ContactPolicy(
        all_contacts=_ALL,
        subscribers={connection.name: _SUBSCRIBERS},
        precedence=account.precedence,
        ext_id_from=account.ext_id_from,
        on_unknown=OnUnknown(account.unknown_on_create),
    )


def _list_names(account: Account, connection: Connection) -> dict[int, str | int]:
    subscribers = connection.lists.subscribers or account.lists.subscribers
    return {
        _ALL: account.lists.all_contacts or NAMES["all_contacts"],
        _SUBSCRIBERS: subscribers or NAMES["subscribers"],
    }


# -- orders, products, events -----------------------------------------------------------------------------------------


def _documents(trial: Trial, account: Account, now: datetime) -> list[Document]:
    form, change = trial.look.form, trial.look.change
    if isinstance(form, Product):
        currency = _currency(trial, account, form.currency)
        rate = account.rates.get(form.currency or "")
        found = [Document("category", "/categories", category_document(part)) for part in form.categories]
        return found + [Document("product", "/products", body) for body in product_documents(form, rate, currency)]
    if change is None:
        return []
    told = Told(change.connection, change.email, change.phone, seen=False)
    if isinstance(form, Order):
        return [
            _order(trial, form, account, now),
            *_events(trial, order_events(form, told, None, _rules(account), now)),
        ]
    if isinstance(form, Customer):
        found_events = customer_events(form, told, changed=True, rules=_rules(account), now=now)
        return _events(trial, found_events)
    if isinstance(form, Cart):
        return _events(trial, [cart_event(form, change, seen=False)])
    return []


def _order(trial: Trial, order: Order, account: Account, now: datetime) -> Document:
    change = trial.look.change
    body = order_document(
        order,
        email=change.email if change else None,
        phone=change.phone if change else None,
        rate=account.rates.get(order.currency),
        currency=_currency(trial, account, order.currency),
    )
    historical = now - order.placed_at > account.events.live_window
    return Document("order", "/orders/status/batch", {"orders": [body], "historical": historical})


def _currency(trial: Trial, account: Account, shop: str | None) -> str:
    if account.currency is not None or shop is None:
        return account.currency or ""
    trial.undecided.append(f"the account's currency, which brevo.currency doesn't name: {shop} is taken for it")
    return shop


def _events(trial: Trial, events: Sequence[Event]) -> list[Document]:
    if not events:
        trial.undecided.append(
            "events: none of a new record is younger than events.live_window; a known one may tell of a change"
        )
    else:
        trial.undecided.append("whether these events were sent before: each goes once")
    return [Document("event", "/events", event_document(event)) for event in events]
