"""The one place where what happens in the shop becomes deliveries."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify.access import Access
from tajo_pipelines.twin.shopify.shop import Document, Shop
from tajo_pipelines.twin.shopify.webhooks import customers, tellings
from tajo_pipelines.twin.shopify.webhooks.manner import manner_from
from tajo_pipelines.twin.shopify.webhooks.outbox import Outbox
from tajo_pipelines.twin.shopify.webhooks.subscriptions import RefusedError, Subscriptions
from tajo_pipelines.twin.state_file import StateFile

Arguments = dict[str, Any]


class Webhooks:
    """Watches the shop, and sends what its app subscribed to.

    What one action changes is told when the action is over, under one event id; each body is of the moment of its
    change.

    Attributes:
        subscriptions: Who is told of what.
        outbox: What is on its way.
        ops: Changes that order deliveries or how they go.
    """

    def __init__(self, shop: Shop, access: Access, file: StateFile) -> None:
        """Watch this shop."""
        self._shop = shop
        self.subscriptions = Subscriptions(file.documents("shopify.webhooks"), shop.clock, access)
        self.outbox = Outbox(
            file.documents("shopify.outbox"), shop.clock, self.subscriptions, lambda: access.client_secret
        )
        self.ops: Mapping[str, Callable[[Arguments], Document]] = {
            "set_webhooks": self._set_webhooks,
            "set_compliance_uri": self._set_compliance_uri,
            "redact_customer": self._redact_customer,
            "request_data": self._request_data,
            "redact_shop": self._redact_shop,
        }
        self._heard: list[tuple[str, Document]] | None = None
        shop.watcher = self

    @contextmanager
    def action(self) -> Iterator[None]:
        """What is changed within is one action, told at its end."""
        if self._heard is not None:
            yield
            return
        heard: list[tuple[str, Document]] = []
        self._heard = heard
        try:
            yield
        finally:
            self._heard = None
            event = str(uuid.uuid4())
            for topic, body in heard:
                self.outbox.tell(topic, body, event)

    def changed(self, before: Document | None, after: Document | None) -> None:
        """Hear of a document that was made, changed or deleted."""
        with self.action():
            for topic, body in tellings.of_change(self._shop, before, after, self.outbox.manner.version):
                if self.subscriptions.of(topic) and self._heard is not None:
                    self._heard.append((topic, body()))

    def merged(self, kept: Document, gone: Document) -> None:
        """Hear of two customers that became one."""
        self._hear("customers/merge", customers.merged(kept, gone))

    def bulk_ended(self, operation: Document) -> None:
        """Hear of a bulk operation that is over."""
        self._hear("bulk_operations/finish", customers.bulk_finished(operation))

    def settle(self) -> None:
        """Go on with deliveries."""
        self.outbox.settle()

    def summary(self) -> Document:
        """For the twin's state: subscriptions, counts and the last attempts; no bodies."""
        return {
            "subscriptions": self.subscriptions.all(),
            "compliance_uri": self.subscriptions.compliance_uri,
            **self.outbox.summary(),
        }

    def close(self) -> None:
        """Send nothing more."""
        self.outbox.close()

    def _hear(self, topic: str, body: Document) -> None:
        with self.action():
            if self._heard is not None:
                self._heard.append((topic, body))

    def _set_webhooks(self, arguments: Arguments) -> Document:
        """How deliveries go, see ``Manner``; what is left out is as it should be."""
        self.outbox.manner = manner_from(arguments)
        return self.outbox.manner.as_json()

    def _set_compliance_uri(self, arguments: Arguments) -> Document:
        """``uri``: where the app's configuration sends the compliance topics; None takes it out."""
        uri = arguments["uri"]
        try:
            self.subscriptions.compliance_uri = None if uri is None else str(uri)
        except RefusedError as error:
            raise ChangeError(str(error)) from error
        return {"compliance_uri": self.subscriptions.compliance_uri}

    def _redact_customer(self, arguments: Arguments) -> Document:
        """The vendor asks that a customer (``id`` or ``email``) be erased; with ``only_email`` it names no more.

        In the shop itself the customer stays, so that one sees whether a later reading brings them back.
        """
        customer = self._person(arguments)
        body = customers.privacy(customer, only_email=bool(arguments.get("only_email")))
        return self._tell_app("customers/redact", {**body, "orders_to_redact": self._orders(customer)})

    def _request_data(self, arguments: Arguments) -> Document:
        """A customer (``id`` or ``email``) asks what is kept of them."""
        customer = self._person(arguments)
        body = customers.privacy(customer, only_email=bool(arguments.get("only_email")))
        request = int(uuid.uuid4()) % 1_000_000_000
        return self._tell_app(
            "customers/data_request",
            {**body, "orders_requested": self._orders(customer), "data_request": {"id": request}},
        )

    def _redact_shop(self, _arguments: Arguments) -> Document:
        """48 hours after the app was uninstalled."""
        return self._tell_app("shop/redact", customers.of_shop())

    def _tell_app(self, topic: str, body: Document) -> Document:
        uri = self.subscriptions.compliance_uri
        if uri is None:
            raise ChangeError("no address for the compliance topics is configured; set_compliance_uri does it")
        return {"topic": topic, "id": self.outbox.tell_app(topic, body, uri), "body": body}

    def _orders(self, customer: Document) -> list[int]:
        return [order["id"] for order in self._shop.orders_of(customer["id"])]

    def _person(self, arguments: Arguments) -> Document:
        wanted, email = arguments.get("id"), arguments.get("email")
        number = None if wanted is None else str(wanted).rsplit("/", 1)[-1]
        for customer in self._shop.customers.values():
            if number == str(customer["id"]) or (
                number is None and email and (customer["email"] or "").lower() == str(email).lower()
            ):
                return customer
        raise ChangeError("no customer has that id or e-mail")
