"""A shopper whose cart Shopify tells of in every way there is: by webhooks of two kinds, by queries, by orders."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Literal, TypeAlias, cast

from tajo_pipelines.model.window import format_time

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
PRICES = {"11": Decimal("9.95"), "12": Decimal("20.00"), "13": Decimal("4.50")}
RATE = Decimal(2)
"""What a unit of the shop's money is in the buyer's."""

Goods: TypeAlias = tuple[tuple[str, int], ...]
"""Variants and how many of each."""

TEA: Goods = (("11", 2),)
MORE: Goods = (("11", 2), ("12", 1))
OTHER: Goods = (("13", 5),)

NUMBERS = count(5_000_000_000)
"""Numbers of checkouts, each once."""


@dataclass(frozen=True)
class Told:
    """One thing that the shop tells.

    Attributes:
        path: ``webhook``, or ``read`` for a checkout or an order that a batch brought.
        topic: Of the webhook; ``checkout`` or ``order`` for what was read.
        body: The body, or the object that was read.
        at: When the thing became so.
        goods: What was in the cart; None for an order.
        owned: Whether the form itself says whose it is.
        over: Whether it says that the cart is one no more.
    """

    path: Literal["webhook", "read"]
    topic: str
    body: dict[str, Any]
    at: datetime
    goods: Goods | None = None
    owned: bool = False
    over: bool = False

    @property
    def by_token(self) -> bool:
        """Whether it is the online store's cart."""
        return self.topic.startswith("carts/")


@dataclass
class Shopper:
    """One cart from its first line to its order.

    Attributes:
        number: Of its checkout.
        foreign: Whether the buyer sees another money than the shop's.
        told: Everything that the shop tells, in the order in which it happens.
    """

    number: int
    foreign: bool = False
    told: list[Told] = field(default_factory=list)
    goods: Goods = ()
    email: str | None = None
    begun_at: datetime | None = None
    checkout: tuple[datetime, Goods, bool] | None = None
    paid_at: datetime | None = None
    clock: datetime = NOON

    @property
    def token(self) -> str:
        """The cart's."""
        return f"Z2NwLWV1cm9wZTox{self.number}"

    @property
    def checkout_token(self) -> str:
        """The checkout's."""
        return f"bd5a8aa1ecd019dd{self.number}"

    def _tick(self) -> datetime:
        self.clock += timedelta(seconds=7)
        self.begun_at = self.begun_at or self.clock
        return self.clock

    # -- what happens -------------------------------------------------------------------------------------------

    def fill(self, goods: Goods) -> None:
        """Change what is in the store's cart; nothing empties it."""
        at, topic = self._tick(), "carts/update" if self.told else "carts/create"
        self.goods = goods
        token = f"{self.token}?key=824bdj25" if len(self.told) % 2 else self.token
        body = {
            "id": token,
            "token": token,
            "line_items": [self._store_line(variant, quantity) for variant, quantity in goods],
            "note": None,
            "updated_at": format_time(at + timedelta(milliseconds=5)),
            "created_at": format_time(cast(datetime, self.begun_at)),
        }
        self.told.append(Told("webhook", topic, body, at + timedelta(milliseconds=5), goods))

    def check_out(self) -> None:
        """Begin the checkout, or go on with it."""
        at, topic = self._tick(), "checkouts/update" if self.checkout else "checkouts/create"
        self.checkout = (at, self.goods, self.email is not None)
        self.told.append(Told("webhook", topic, self._checkout(at, self.goods), at, self.goods, self.email is not None))

    def name(self) -> None:
        """Write the address into the checkout's page."""
        self.email = f"buyer{self.number}@example.com"

    def touch(self) -> None:
        """The shop moves the checkout's time, as when it becomes an abandoned one."""
        if self.checkout is not None:
            self.checkout = (self._tick(), *self.checkout[1:])

    def read(self) -> None:
        """A batch reads the checkout."""
        if self.checkout is None:
            return
        at, goods, _ = self.checkout
        owned, over = self.email is not None, self.paid_at is not None
        self.told.append(Told("read", "checkout", self._abandoned(at, goods), at, goods, owned, over))

    def pay(self, *, webhook: bool) -> None:
        """Pay what is in the checkout: the order is told of, then the cart and the checkout that are done with."""
        if self.checkout is None or not self.goods:
            return
        self.check_out()
        at = self.paid_at = self._tick()
        self.told.append(
            Told("webhook", "orders/create", self._order(at), at, over=True)
            if webhook
            else Told("read", "order", self._read_order(at), at, over=True)
        )
        later, goods = self._tick(), self.goods
        self.checkout = (later, goods, self.email is not None)
        body = self._checkout(later, goods) | {"completed_at": format_time(at)}
        self.told.append(Told("webhook", "checkouts/update", body, later, goods, self.email is not None, over=True))
        self.fill(())

    # -- how it is told -----------------------------------------------------------------------------------------

    def _money(self, goods: Goods) -> Decimal:
        return sum((PRICES[variant] * quantity for variant, quantity in goods), Decimal(0))

    def _buyers(self, amount: Decimal) -> str:
        return str(amount * RATE if self.foreign else amount)

    def _store_line(self, variant: str, quantity: int) -> dict[str, Any]:
        price = str(PRICES[variant])
        money = {
            "shop_money": {"amount": price, "currency_code": "EUR"},
            "presentment_money": {"amount": self._buyers(PRICES[variant]), "currency_code": self.currency},
        }
        return {
            "id": int(variant),
            "quantity": quantity,
            "variant_id": int(variant),
            "product_id": 1,
            "title": f"Tea - {variant}",
            "sku": f"T-{variant}",
            "price": price,
            "discounted_price": price,
            "discounted_price_set": money,
        }

    @property
    def currency(self) -> str:
        """The buyer's."""
        return "CHF" if self.foreign else "EUR"

    @property
    def link(self) -> str:
        """Brings the cart back."""
        return f"https://kontor.example/1/checkouts/ac/{self.token}/recover?key=k{self.number}"

    def _checkout(self, at: datetime, goods: Goods) -> dict[str, Any]:
        return {
            "id": self.number,
            "token": self.checkout_token,
            "cart_token": self.token,
            "email": self.email,
            "buyer_accepts_marketing": True,
            "created_at": format_time(cast(datetime, self.begun_at)),
            # The same instant in the shop's own zone.
            "updated_at": (at + timedelta(hours=1)).replace(tzinfo=None).isoformat() + "+01:00",
            "completed_at": None,
            "currency": "EUR",
            "presentment_currency": self.currency,
            "line_items": [
                {
                    "title": "Tea",
                    "variant_title": variant,
                    "variant_id": int(variant),
                    "product_id": 1,
                    "sku": f"T-{variant}",
                    "quantity": quantity,
                    "price": self._buyers(PRICES[variant]),
                    "line_price": self._buyers(PRICES[variant] * quantity),
                    "applied_discounts": [],
                    "discount_allocations": [],
                }
                for variant, quantity in goods
            ],
            "total_price": self._buyers(self._money(goods)),
            "subtotal_price": self._buyers(self._money(goods)),
            "total_tax": "0.00",
            "total_discounts": "0.00",
            "discount_codes": [],
            "abandoned_checkout_url": self.link,
        }

    def _abandoned(self, at: datetime, goods: Goods) -> dict[str, Any]:
        def bag(amount: Decimal) -> dict[str, Any]:
            return {"shopMoney": {"amount": str(amount), "currencyCode": "EUR"}}

        return {
            "id": f"gid://shopify/AbandonedCheckout/{self.number}",
            "createdAt": format_time(cast(datetime, self.begun_at)),
            "updatedAt": format_time(at),
            "completedAt": None if self.paid_at is None else format_time(self.paid_at),
            "abandonedCheckoutUrl": f"{self.link}&locale=de",
            "discountCodes": [],
            "customer": {"defaultEmailAddress": {"emailAddress": self.email}} if self.email else None,
            "totalPriceSet": bag(self._money(goods)),
            "lineItems": {
                "nodes": [
                    {
                        "title": "Tea",
                        "variantTitle": variant,
                        "quantity": quantity,
                        "discountedUnitPriceSet": bag(PRICES[variant]),
                        "image": {"url": "https://cdn.kontor.example/tea.jpg"},
                        "product": {"legacyResourceId": "1", "onlineStoreUrl": "https://kontor.example/tea"},
                        "variant": {"legacyResourceId": variant},
                    }
                    for variant, quantity in goods
                ]
            },
        }

    def _order(self, at: datetime) -> dict[str, Any]:
        return {
            "id": 900_000 + self.number,
            "checkout_id": self.number,
            "checkout_token": self.checkout_token,
            "cart_token": self.token,
            "created_at": format_time(at),
            "updated_at": format_time(at),
        }

    def _read_order(self, at: datetime) -> dict[str, Any]:
        return {
            "legacyResourceId": str(900_000 + self.number),
            "createdAt": format_time(at),
            "updatedAt": format_time(at),
            "displayFinancialStatus": "PAID",
            "cartToken": self.token,
            "checkoutToken": self.checkout_token,
            "totalPriceSet": {"shopMoney": {"amount": "1.00", "currencyCode": "EUR"}},
            "totalRefundedSet": {"shopMoney": {"amount": "0.00", "currencyCode": "EUR"}},
            "lineItems": {"nodes": []},
        }


def buyer(**more: Any) -> Shopper:
    """Somebody whose cart has tea in it, and whose checkout is begun."""
    made = Shopper(next(NUMBERS), **more)
    made.fill(TEA)
    made.name()
    made.check_out()
    return made


def goods_of(event: dict[str, Any]) -> Goods:
    """What an event says is in the cart."""
    return tuple((item["variant_id"], item["quantity"]) for item in event["event_properties"].get("items", ()))
