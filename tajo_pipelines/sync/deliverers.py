"""Which part of the engine carries which kind of record, put together for one delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.letter import LetterKind
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product
from tajo_pipelines.model.record import Canonical
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.account import (
    OpenAccount,
    account_attributes,
    account_currency,
    contact_policy,
    wanted_attributes,
)
from tajo_pipelines.sync.carts import CartDelivery
from tajo_pipelines.sync.contacts import ContactMapper
from tajo_pipelines.sync.customers import CustomerDelivery
from tajo_pipelines.sync.erasure import Eraser
from tajo_pipelines.sync.events import EventDelivery, EventRules
from tajo_pipelines.sync.identification import Asked
from tajo_pipelines.sync.orders import OrderDelivery, OrderRules
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.products import ProductDelivery, ProductRules
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace

LETTER_KINDS: Mapping[type[Canonical], LetterKind] = {
    Customer: LetterKind.RECORD,
    Order: LetterKind.ORDER,
    Product: LetterKind.PRODUCT,
    Cart: LetterKind.EVENT,
}
"""What a letter about a record that can't be read is about."""


@dataclass(slots=True)
class Parts:
    """What one delivery works with.

    Attributes:
        kind: The stream's canonical type.
        writer: Writes contacts; None for products, which have none.
        deliverer: Carries the records.
        events: Sends events; None for products.
    """

    kind: type[Canonical]
    writer: ContactWriter | None
    deliverer: CustomerDelivery | OrderDelivery | ProductDelivery | CartDelivery
    events: EventDelivery | None

    def prepare(self, now: datetime) -> None:
        """Finish what an earlier run left behind, and read what the account holds."""
        if self.writer is not None:
            self.writer.prepare()
        if self.events is not None:
            self.events.recover(now)

    def settle(self, delivered: Delivered) -> None:
        """Add what was done to the delivery's numbers."""
        spent = delivered.spent
        if self.writer is not None:
            spent.contacts += self.writer.contacts
            spent.imports += self.writer.processes
            spent.reblocked += self.writer.reblocked
        if self.events is not None:
            spent.letters += self.events.letters
        if isinstance(self.deliverer, ProductDelivery):
            spent.products += self.deliverer.sent
        if not isinstance(self.deliverer, OrderDelivery):
            spent.letters += self.deliverer.letters


@dataclass(frozen=True, slots=True)
class _Build:
    """Puts the parts together."""

    workspace: Workspace
    connection: Connection
    opened: OpenAccount
    request: DeliveryRequest
    delivered: Delivered

    def customers(self) -> Parts:
        if self.connection.streams[self.request.stream].on_delete == "erase":
            self.opened.tombstones.require_key()
        writer, mapper, events = self._contacts(force=self.request.force)
        report, run_id = self.delivered.report, self.request.run_id
        found = CustomerDelivery(self.connection.name, mapper, writer, events, report, run_id, self._erase)
        return Parts(Customer, writer, found, events)

    def _erase(self, key: str) -> None:
        """Erase the person whom the shop has deleted."""
        traces = Asked(self.connection, key).traces()
        Eraser(self.workspace, self.opened).erase(traces, connection=self.connection.name)

    def orders(self) -> Parts:
        currency = account_currency(self.workspace, self.opened)
        writer, mapper, events = self._contacts(force=False)
        rules = OrderRules(
            currency=currency,
            rates=self.opened.settings.rates,
            live_window=self.opened.settings.events.live_window,
            with_events=self.request.with_events,
            force=self.request.force,
        )
        delivered, name = self.delivered, self.connection.name
        found = OrderDelivery(
            name, mapper, rules, writer, events, delivered.report, delivered.spent, self.request.run_id
        )
        return Parts(Order, writer, found, events)

    def products(self) -> Parts:
        rules = ProductRules(
            currency=account_currency(self.workspace, self.opened),
            rates=self.opened.settings.rates,
            force=self.request.force,
        )
        client, state = self.opened.client, self.opened.state
        report, run_id = self.delivered.report, self.request.run_id
        return Parts(Product, None, ProductDelivery(self.connection.name, rules, client, state, report, run_id), None)

    def carts(self) -> Parts:
        writer, mapper, events = self._contacts(force=False)
        report, run_id = self.delivered.report, self.request.run_id
        found = CartDelivery(self.connection.name, mapper, events, writer, report, run_id)
        return Parts(Cart, writer, found, events)

    def _contacts(self, *, force: bool) -> tuple[ContactWriter, ContactMapper, EventDelivery]:
        workspace, opened = self.workspace, self.opened
        wanted = wanted_attributes(workspace, self.connection)
        plan, notices = account_attributes(workspace, opened, wanted)
        self.delivered.notices += notices
        writer = ContactWriter(
            client=opened.client,
            state=opened.state,
            policy=contact_policy(workspace, opened, force=force),
            run_id=self.request.run_id,
            clock=workspace.now,
        )
        mapper = ContactMapper(
            mapping=workspace.mapping(self.connection),
            attributes=plan,
            region=self.connection.region,
            confirmed_only=self.connection.opt_in == "confirmed",
        )
        settings = opened.settings.events
        rules = EventRules(settings.live_window, self.request.with_events, settings.in_doubt)
        spent = self.delivered.spent
        events = EventDelivery(opened.client, opened.state, rules, self.request.run_id, spent.events)
        return writer, mapper, events


_BUILDERS: Mapping[type[Canonical], Callable[[_Build], Parts]] = {
    Customer: _Build.customers,
    Order: _Build.orders,
    Product: _Build.products,
    Cart: _Build.carts,
}


def build_parts(
    workspace: Workspace,
    connection: Connection,
    opened: OpenAccount,
    request: DeliveryRequest,
    delivered: Delivered,
) -> Parts:
    """Check what must hold before the first write, and put the parts together.

    Raises:
        ConfigError: The account isn't ready for these records.
    """
    kind = workspace.connector(connection).stream(request.stream).record
    return _BUILDERS[kind](_Build(workspace, connection, opened, request, delivered))
