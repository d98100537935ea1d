"""What happens in the shop while others look on: ordered by ``POST /_twin/change`` with target shopify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify import commerce_changes, orders, people, seed, views
from tajo_pipelines.twin.shopify.happenings import record
from tajo_pipelines.twin.shopify.shop import Document, Kind, Shop, public_customer, public_order

Arguments = dict[str, Any]

EMAIL_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NOT_SUBSCRIBED", "PENDING", "INVALID")
SMS_STATES = ("SUBSCRIBED", "UNSUBSCRIBED", "NEVER_SUBSCRIBED", "PENDING", "REDACTED")

_TOUCHED: Mapping[str, Kind] = {
    "customer": "Customer",
    "order": "Order",
    "product": "Product",
    "cart": "AbandonedCheckout",
}
_PLAIN = (
    "firstName",
    "lastName",
    "phone",
    "locale",
    "note",
    "tags",
    "taxExempt",
    "verifiedEmail",
    "state",
    "addresses",
    "createdAt",
)


class Changes:
    """The operations; each bumps ``updatedAt`` of what it changes to now, or to ``at`` where given.

    A customer or an order is named by ``id``: number, text or global id; a customer also by ``email``.
    """

    def __init__(self, shop: Shop) -> None:
        """Change this shop."""
        self._shop = shop
        self.ops: Mapping[str, Callable[[Arguments], Document]] = {
            "update_customer": self._update_customer,
            "set_consent": self._set_consent,
            "change_email": self._change_email,
            "create_customer": self._create_customer,
            "delete_customer": self._delete_customer,
            "opt_in": self._opt_in,
            "create_order": self._create_order,
            "refund_order": self._refund_order,
            "cancel_order": self._cancel_order,
            "fulfil_order": self._fulfil_order,
            "pay_order": self._pay_order,
            "touch": self._touch,
            **commerce_changes.CommerceChanges(shop).ops,
        }

    def _update_customer(self, arguments: Arguments) -> Document:
        """``fields``: any of ``_PLAIN``, with new values."""
        fields = arguments.get("fields") or {}
        unknown = sorted(set(fields) - set(_PLAIN))
        if unknown or not fields:
            raise ChangeError(f"fields holds some of {', '.join(_PLAIN)}; found {', '.join(unknown) or 'nothing'}")
        customer = self._customer(arguments)
        customer.update(fields)
        return self._saved(customer)

    def _set_consent(self, arguments: Arguments) -> Document:
        """``channel`` (email or sms), ``state``, ``level``, ``at`` (None: undated; left out: now)."""
        channel = str(arguments.get("channel", "email"))
        states = {"email": EMAIL_STATES, "sms": SMS_STATES}.get(channel)
        if states is None or arguments.get("state") not in states:
            raise ChangeError(f"channel is email or sms, state one of {', '.join(states or EMAIL_STATES)}")
        customer = self._customer(arguments)
        if customer["phone" if channel == "sms" else "email"] is None:
            raise ChangeError(f"the customer has nothing to consent to by {channel}")
        customer[f"{channel}State"] = arguments["state"]
        customer[f"{channel}Level"] = arguments.get("level", "SINGLE_OPT_IN")
        customer[f"{channel}At"] = arguments.get("at", self._shop.now())
        return self._saved(customer)

    def _change_email(self, arguments: Arguments) -> Document:
        """``to``: the new address, None takes it away. Consent stays as it is, as at Shopify."""
        customer = self._customer(arguments)
        email = arguments.get("to")
        taken = (each["email"] or "" for each in self._shop.customers.values() if each["id"] != customer["id"])
        if email is not None and email.lower() in {each.lower() for each in taken}:
            raise ChangeError("email has already been taken")
        customer["email"], customer["emailValid"] = email, people.valid_email(email)
        return self._saved(customer)

    def _create_customer(self, arguments: Arguments) -> Document:
        """``fields`` (also ``email``), ``email_state``, ``email_level``, ``email_at``, ``sms_...`` likewise."""
        fields = dict(arguments.get("fields") or {})
        email = fields.pop("email", arguments.get("email"))
        now = self._shop.now()
        customer: Document = {
            "kind": "Customer",
            "id": seed.customer_id(self._shop.next_number("Customer")),
            **dict.fromkeys(("firstName", "lastName", "phone", "note")),
            "email": email,
            "emailValid": people.valid_email(email),
            "emailState": arguments.get("email_state", "NOT_SUBSCRIBED"),
            "emailLevel": arguments.get("email_level"),
            "emailAt": arguments.get("email_at"),
            "smsState": arguments.get("sms_state", "NEVER_SUBSCRIBED"),
            "smsLevel": arguments.get("sms_level"),
            "smsAt": arguments.get("sms_at"),
            "locale": "de",
            "tags": [],
            "taxExempt": False,
            "verifiedEmail": True,
            "state": "DISABLED",
            "createdAt": now,
            "addresses": [],
        }
        unknown = sorted(set(fields) - set(_PLAIN))
        if unknown:
            raise ChangeError(f"fields holds email and some of {', '.join(_PLAIN)}; found {', '.join(unknown)}")
        customer.update(fields)
        return self._saved(customer)

    def _delete_customer(self, arguments: Arguments) -> Document:
        """Deletes it; its orders stay and lose their customer."""
        customer = self._customer(arguments)
        self._shop.delete("Customer", customer["id"])
        record(self._shop, "destroy", customer, arguments.get("at"))
        return {"deleted": views.gid("Customer", customer["id"])}

    def _opt_in(self, arguments: Arguments) -> Document:
        """``count`` customers who never said anything say yes; ``level`` and ``at`` as in set_consent."""
        wanted = int(arguments.get("count", 1))
        silent = [
            customer["id"]
            for customer in self._shop.customers.values()
            if customer["emailValid"] and customer["emailState"] == "NOT_SUBSCRIBED"
        ]
        if len(silent) < wanted:
            raise ChangeError(f"only {len(silent)} customers with an e-mail never subscribed")
        emails = []
        for number in silent[:wanted]:
            changed = self._set_consent({**arguments, "channel": "email", "state": "SUBSCRIBED", "id": number})
            emails.append(changed["customer"]["email"].lower())
        return {"emails": emails}

    def _create_order(self, arguments: Arguments) -> Document:
        """An order now, or ``at``, of a ``customer`` (id) or a guest (``email``, ``phone``).

        ``lines`` of ``cents``, ``quantity``, ``sku`` or ``title``; ``paid`` in percent, ``shipping`` in cents,
        ``accepts_marketing``, ``test``, ``presentment`` with its ``rate``, ``code`` ([code, percent]).
        """
        owner: Document = {"id": None, "email": None, "phone": None, "locale": "de"}
        if arguments.get("customer") is not None:
            owner = self._customer({"id": arguments["customer"]})
        at = arguments.get("at") or self._shop.now()
        code = arguments.get("code")
        order = orders.make(
            orders.Draft(
                number=self._shop.next_number("Order"),
                at=at,
                bought=[commerce_changes.bought(self._shop, line) for line in arguments.get("lines") or [{}]],
                customer=owner["id"],
                email=arguments.get("email", owner["email"]),
                phone=arguments.get("phone", owner["phone"] if owner["email"] is None else None),
                locale=owner["locale"],
                accepts_marketing=bool(arguments.get("accepts_marketing", False)),
                paid=int(arguments.get("paid", 100)),
                test=bool(arguments.get("test", False)),
                code=(str(code[0]), int(code[1])) if code else None,
                shipping=int(arguments.get("shipping", 490)),
                presentment=str(arguments.get("presentment", "EUR")),
                rate=float(arguments.get("rate", 1.0)),
            )
        )
        saved = self._saved(order)
        if owner["id"] is not None:
            self._shop.save(self._customer({"id": owner["id"]}))
        return saved

    def _refund_order(self, arguments: Arguments) -> Document:
        """The whole, or ``quantities`` ({place: how many}), or ``cents`` without a return; ``note``."""
        order = self._order(arguments)
        now, note = self._shop.now(), arguments.get("note")
        if arguments.get("quantities"):
            quantities = {int(place): int(each) for place, each in arguments["quantities"].items()}
            if any(place not in range(len(order["items"])) for place in quantities):
                raise ChangeError(f"the order has {len(order['items'])} lines, counted from 0")
            orders.refund(order, now, quantities=quantities, note=note)
        elif arguments.get("cents") is not None:
            cents = int(arguments["cents"])
            orders.refund(order, now, amount=[cents, round(cents * order["rate"])], note=note)
        else:
            orders.refund_all(order, now, note=note)
        return self._saved(order)

    def _cancel_order(self, arguments: Arguments) -> Document:
        """``reason``: Shopify's OrderCancelReason."""
        order = self._order(arguments)
        if order["cancelledAt"] is not None:
            raise ChangeError("the order is cancelled already")
        orders.cancel(order, self._shop.now(), str(arguments.get("reason", "CUSTOMER")))
        return self._saved(order)

    def _fulfil_order(self, arguments: Arguments) -> Document:
        """Everything is shipped."""
        order = self._order(arguments)
        if order["fulfilledAt"] is not None or order["cancelledAt"] is not None:
            raise ChangeError("the order is shipped or cancelled already")
        orders.fulfil(order, self._shop.now())
        return self._saved(order)

    def _pay_order(self, arguments: Arguments) -> Document:
        """What is owed is received."""
        order = self._order(arguments)
        if order["cancelledAt"] is not None:
            raise ChangeError("the order is cancelled")
        order["received"] = list(order["totals"]["total"])
        return self._saved(order)

    def _touch(self, arguments: Arguments) -> Document:
        """Bumps ``updatedAt`` of a document of a ``kind`` (customer, order, product, cart) and changes nothing else."""
        kind = _TOUCHED.get(str(arguments.get("kind", "customer")).lower())
        if kind is None:
            raise ChangeError(f"kind is one of {', '.join(_TOUCHED)}")
        document = self._customer(arguments) if kind == "Customer" else self._by_id(kind, arguments.get("id"))
        return self._saved(document, arguments.get("at"))

    def _saved(self, document: Document, at: str | None = None) -> Document:
        self._shop.save(document, at=at)
        if document["kind"] == "Order":
            return {"order": public_order(document)}
        if document["kind"] == "Customer":
            return {"customer": public_customer(self._shop, document)}
        return {"product" if document["kind"] == "Product" else "cart": document}

    def _customer(self, arguments: Arguments) -> Document:
        if arguments.get("id") is None and arguments.get("email") is not None:
            wanted = str(arguments["email"]).lower()
            for customer in self._shop.customers.values():
                if (customer["email"] or "").lower() == wanted:
                    return self._shop.edit("Customer", customer["id"])
            raise ChangeError("no customer has that e-mail")
        return self._by_id("Customer", arguments.get("id"))

    def _order(self, arguments: Arguments) -> Document:
        return self._by_id("Order", arguments.get("id"))

    def _by_id(self, kind: Kind, text: Any) -> Document:
        return commerce_changes.by_id(self._shop, kind, text)
