"""Products and categories to Brevo: known by their ids, so that every call may be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tajo_pipelines.brevo.client import BrevoClient, BrevoRefusal
from tajo_pipelines.brevo.division import divide
from tajo_pipelines.brevo.limits import OTHER, PRODUCTS, TIERS
from tajo_pipelines.brevo.product_documents import category_document, grouped
from tajo_pipelines.model.letter import VendorAnswer
from tajo_pipelines.model.product import Category

MAX_PRODUCTS = 100
"""Most products or categories in a batch; more of them only by an account's raised limit."""

MAX_BYTES = 4_500_000
"""Size of a batch. None is documented for products; the one of orders is 5 MB."""

_FEW = 8
"""How many documents of a refused batch are tried each for itself: batches are the scarcer allowance."""

_BAD = frozenset({400, 413, 422})
_ALL_BAD = 8


@dataclass(slots=True)
class SentProducts:
    """What became of products or categories.

    Attributes:
        accepted: Ids that Brevo took.
        refused: Ids that Brevo refuses, with its words.
    """

    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[str, VendorAnswer]] = field(default_factory=list)


def send_products(
    client: BrevoClient, documents: Iterable[Mapping[str, Any]], *, sent: SentProducts | None = None
) -> SentProducts:
    """Create or update products and variants, by the way that ends first.

    Args:
        client: The client.
        documents: From `product_documents`, a product before its variants. Of the same id the last one counts: a
            batch that holds an id twice is refused.
        sent: Filled as it goes, so that it is true also where the sending fails.

    Raises:
        BrevoRefusal: When Brevo takes no product at all.
        TajoError: Brevo can't be reached or used.
    """
    latest = {str(document["id"]): dict(document) for document in documents}
    wanted = list(latest.values())
    sender = _Sender(client, "/products", "products", sent if sent is not None else SentProducts())
    limits = TIERS[client.tier]
    division = divide(len(wanted), alone=limits[PRODUCTS], together=limits[OTHER], size=MAX_PRODUCTS)
    rest = wanted[division.first :]
    sender.together(wanted[: division.first])
    sender.alone(rest[: division.alone])
    sender.together(rest[division.alone :])
    return sender.sent


def send_categories(client: BrevoClient, categories: Iterable[Category]) -> SentProducts:
    """Create or update categories by batches; a single call costs the same allowance.

    Raises:
        BrevoRefusal: When Brevo takes no category at all.
        TajoError: Brevo can't be reached or used.
    """
    latest = {category.id: category_document(category) for category in categories}
    sender = _Sender(client, "/categories", "categories", SentProducts())
    sender.together(list(latest.values()))
    return sender.sent


@dataclass(slots=True)
class _Sender:
    """One sending on its way."""

    client: BrevoClient
    path: str
    name: str
    sent: SentProducts

    def alone(self, documents: Sequence[dict[str, Any]]) -> None:
        """One call each."""
        for document in documents:
            number = str(document["id"])
            try:
                self.client.request("POST", self.path, body=document | {"updateEnabled": True})
            except BrevoRefusal as error:
                self.sent.refused.append((number, error.vendor))
                self._raise_unless_one_is_at_fault(error)
            else:
                self.sent.accepted.append(number)

    def together(self, documents: Sequence[dict[str, Any]]) -> None:
        """As many as fit in each call."""
        for group in grouped(documents, MAX_PRODUCTS, MAX_BYTES):
            self._group(group)

    def _group(self, group: Sequence[dict[str, Any]]) -> None:
        """One batch; one that is refused is halved until few are left, which are tried each for itself."""
        try:
            self.client.request("POST", f"{self.path}/batch", body={self.name: group, "updateEnabled": True})
        except BrevoRefusal as error:
            self._raise_unless_one_is_at_fault(error)
            if len(group) <= _FEW:
                self.alone(group)
                return
            middle = len(group) // 2
            self._group(group[:middle])
            self._group(group[middle:])
            return
        self.sent.accepted += [str(document["id"]) for document in group]

    def _raise_unless_one_is_at_fault(self, error: BrevoRefusal) -> None:
        if error.status not in _BAD or (not self.sent.accepted and len(self.sent.refused) >= _ALL_BAD):
            raise error
