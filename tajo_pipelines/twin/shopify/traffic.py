"""Changes that happen by themselves: as many a second as ordered, of customers, orders and carts as mixed."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify.shop import Document, Shop
from tajo_pipelines.twin.shopify.storefront import Storefront

Arguments = dict[str, Any]

MIX: Mapping[str, float] = {"customers": 2.0, "orders": 1.0, "carts": 1.0}
"""Half of the changes are of customers, a quarter each of orders and carts."""

_AT_ONCE = 500
"""Most changes between two looks at the clock, so that the twin goes on answering."""

_REMEMBERED = 1000
_TAGS = ("vip", "newsletter", "grosskunde", "b2b", "sommer")


class Traffic:
    """Makes changes through the same operations that a person orders.

    Attributes:
        ops: ``traffic``, ``change_customers`` and ``create_customers``.
    """

    def __init__(
        self, shop: Shop, storefront: Storefront, clock: TwinClock, change: Callable[[str, Arguments], Document]
    ) -> None:
        """Rest.

        Args:
            shop: Whose customers are busy.
            storefront: Whose carts are filled.
            clock: Only its instants count: a rate is one of real seconds.
            change: Makes one change.
        """
        self.ops: Mapping[str, Callable[[Arguments], Document]] = {
            "traffic": self._order,
            "change_customers": self._change_customers,
            "create_customers": self._create_customers,
        }
        self._shop = shop
        self._storefront = storefront
        self._clock = clock
        self._change = change
        self._rate = 0.0
        self._mix: Mapping[str, float] = MIX
        self._left: int | None = None
        self._since = 0.0
        self._begun = 0
        self._made: Counter[str] = Counter()
        self._draw = random.Random(0)
        self._people: list[int] = []
        self._sold: deque[int] = deque(maxlen=_REMEMBERED)

    def summary(self) -> Document:
        """What is ordered, and what was made of it."""
        return {"per_second": self._rate, "mix": dict(self._mix), "left": self._left, "made": dict(self._made)}

    def settle(self) -> None:
        """Make the changes that are due."""
        if not self._rate:
            return
        due = int((self._clock.seconds() - self._since) * self._rate) - self._begun
        for _ in range(min(due, _AT_ONCE)):
            if self._left == 0:
                self._rate = 0.0
                return
            self._left = None if self._left is None else self._left - 1
            self._begun += 1
            self._one()

    def _order(self, arguments: Arguments) -> Document:
        """``per_second`` changes from now on, 0 for none; ``mix`` of weights, ``count`` until it stops, ``seed``."""
        rate, mix = float(arguments["per_second"]), dict(arguments.get("mix") or MIX)
        if rate < 0 or set(mix) - set(MIX) or not any(mix.values()) or min(mix.values()) < 0:
            raise ChangeError(f"per_second is at least 0, mix holds weights of {', '.join(MIX)}")
        self._rate, self._mix = rate, mix
        self._left = None if arguments.get("count") is None else int(arguments["count"])
        self._since, self._begun = self._clock.seconds(), 0
        self._draw = random.Random(int(arguments.get("seed", 0)))
        self._people = self._known()
        if rate and not self._people:
            raise ChangeError("the shop has no customer with an e-mail")
        return self.summary()

    def _change_customers(self, arguments: Arguments) -> Document:
        """``count`` customers with an e-mail get another note: the first, or those drawn by ``seed``."""
        people, count = self._known(), int(arguments["count"])
        if len(people) < count:
            raise ChangeError(f"only {len(people)} customers have an e-mail")
        if arguments.get("seed") is not None:
            people = random.Random(int(arguments["seed"])).sample(people, count)
        now = self._shop.now()
        for number in people[:count]:
            self._change("update_customer", {"id": number, "fields": {"note": f"changed at {now}"}})
        return {"customers": people[:count]}

    def _create_customers(self, arguments: Arguments) -> Document:
        """``count`` new customers."""
        made = [self._new_customer() for _ in range(int(arguments["count"]))]
        return {"customers": [each["customer"]["id"] for each in made]}

    def _known(self) -> list[int]:
        return [customer["id"] for customer in self._shop.customers.values() if customer["emailValid"]]

    def _one(self) -> None:
        kinds = list(self._mix)
        kind = self._draw.choices(kinds, [self._mix[each] for each in kinds])[0]
        makers = {"customers": self._of_customer, "orders": self._of_order, "carts": self._of_cart}
        try:
            makers[kind]()
        except ChangeError:
            # Whom it was about has been deleted, or it was shipped already: a shop's day has such moments.
            self._made["impossible"] += 1
        else:
            self._made[kind] += 1

    def _of_customer(self) -> None:
        happens = self._draw.random()
        if happens < 0.15:
            self._people.append(self._new_customer()["customer"]["id"])
            return
        number = self._draw.choice(self._people)
        fields: Document = {"note": f"Nr. {self._draw.randrange(1_000_000)}"}
        if happens < 0.3:
            fields = {"tags": sorted(self._draw.sample(_TAGS, self._draw.randint(0, 2)))}
        self._change("update_customer", {"id": number, "fields": fields})

    def _of_order(self) -> None:
        happens = self._draw.random()
        if happens < 0.2 and self._sold:
            self._change("fulfil_order", {"id": self._sold.popleft()})
        elif happens < 0.3 and self._sold:
            self._change("refund_order", {"id": self._draw.choice(self._sold), "cents": 100})
        elif happens < 0.6 and (open_ := self._open()):
            done = self._change("complete_checkout", {"checkout": self._draw.choice(open_)["id"]})
            self._sold.append(done["order"]["id"])
        else:
            order = {"customer": self._draw.choice(self._people), "lines": self._lines()}
            self._sold.append(self._change("create_order", order)["order"]["id"])

    def _of_cart(self) -> None:
        happens, carts = self._draw.random(), self._storefront.carts()
        if happens < 0.3 or not carts:
            self._change("fill_cart", {"lines": self._lines()})
            return
        token = self._draw.choice(carts)["cartToken"]
        open_ = [each["id"] for each in self._storefront.young() if each["cartToken"] == token]
        if happens < 0.7 and not open_:
            self._change("begin_checkout", {"token": token, "customer": self._draw.choice(self._people)})
        elif happens < 0.9:
            quantity = {"quantity": self._draw.randint(1, 9)}
            if open_:
                self._change("change_checkout", {"checkout": open_[0], **quantity})
            else:
                self._change("change_cart", {"token": token, **quantity})
        else:
            self._change("empty_cart", {"token": token})

    def _open(self) -> list[Document]:
        return [each for each in self._storefront.young() if each["items"]]

    def _new_customer(self) -> Document:
        number = self._shop.next_number("Customer")
        name = {"firstName": f"Neu{number}", "lastName": "Kundin"}
        return self._change("create_customer", {"email": f"neu.{number}@example.com", "fields": name})

    def _lines(self) -> list[Document]:
        variants = list(self._shop.variants)
        return [
            {"variant": self._draw.choice(variants), "quantity": self._draw.randint(1, 3)}
            for _ in range(self._draw.randint(1, 3))
        ]
