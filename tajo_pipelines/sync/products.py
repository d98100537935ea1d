"""Carries products to Brevo: categories first, then of each product the documents that have changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.ports import AccountState
from tajo_pipelines.brevo.product_documents import category_document, deleted_documents, product_documents
from tajo_pipelines.brevo.products import SentProducts, send_categories, send_products
from tajo_pipelines.model.digest import digest
from tajo_pipelines.model.ledger import SourceEntry
from tajo_pipelines.model.letter import Letter, LetterKind, VendorAnswer
from tajo_pipelines.model.product import Category, Product
from tajo_pipelines.model.record import Record
from tajo_pipelines.model.report import StreamReport
from tajo_pipelines.sync.event_properties import plain
from tajo_pipelines.sync.newest import newest_of

STREAM = "products"
CATEGORIES = "categories"


@dataclass(frozen=True, slots=True)
class ProductRules:
    """How products of one connection are told to an account.

    Attributes:
        currency: The account's currency.
        rates: What one unit of another currency is worth in it.
        force: Whether unchanged products are sent again.
    """

    currency: str
    rates: Mapping[str, Decimal]
    force: bool = False


@dataclass(slots=True)
class _Wanted:
    """A product on its way.

    Attributes:
        documents: Those that have changed.
        digests: Of all its documents, by id, as they will be at Brevo.
        given: The same as they were.
    """

    record: Record
    product: Product
    documents: list[dict[str, Any]]
    digests: dict[str, str]
    given: dict[str, str]


@dataclass(slots=True)
class ProductDelivery:
    """Delivers parts of a stream of products.

    Attributes:
        connection: Name of the connection.
        rules: How products are told.
        client: The client.
        state: The account's state.
        report: The numbers, added to.
        run_id: The run.
        sent: Products that Brevo accepted, added to.
        letters: New letters.
    """

    connection: str
    rules: ProductRules
    client: BrevoClient
    state: AccountState
    report: StreamReport
    run_id: str
    sent: int = 0
    letters: int = 0
    _letters: list[Letter] = field(default_factory=list)

    def deliver(self, parsed: Iterable[tuple[Record, Product]], now: datetime) -> None:
        """Deliver products that were read; rejected ones were counted before.

        Args:
            parsed: Records with their canonical forms, in the order in which they were read.
            now: The present.

        Raises:
            TajoError: Brevo can't be reached or used; what was sent until then is noted.
        """
        self._letters = []
        wanted = self._wanted(self._newest(list(parsed)), now)
        self.report.mapped += len(wanted)
        ready = [item for item in wanted if item.documents]
        self.report.unchanged += len(wanted) - len(ready)
        self._categories([item.product for item in wanted], now)
        sent = SentProducts()
        try:
            send_products(self.client, [document for item in ready for document in item.documents], sent=sent)
        finally:
            self._note(wanted, sent)
            self.letters += self.state.write_letters(self._letters, self.run_id)

    def delete(self, keys: Sequence[str], now: datetime) -> None:
        """Tell that products are gone from the shop, with all variants of them that Brevo was given.

        Args:
            keys: Keys of the products; those that Brevo was never given are passed over.
            now: When they were found to be gone.

        Raises:
            TajoError: Brevo can't be reached or used; what was sent until then is noted.
        """
        states = self.state.source_states(self.connection, STREAM, keys)
        gone = {key: state for key, state in states.items() if state["documents"]}
        documents = [
            document
            for key, state in gone.items()
            for document in deleted_documents(state["documents"], name=state["name"], at=now)
        ]
        self._letters = []
        sent = SentProducts()
        try:
            send_products(self.client, documents, sent=sent)
        finally:
            accepted, refused = set(sent.accepted), dict(sent.refused)
            for key, state in gone.items():
                left = {number: known for number, known in state["documents"].items() if number not in accepted}
                self.state.save_source_states(self.connection, STREAM, {key: state | {"documents": left}})
                self._refuse(key, [(number, refused[number]) for number in left if number in refused])
                self.report.deleted += not left
            self.letters += self.state.write_letters(self._letters, self.run_id)

    def _newest(self, parsed: Sequence[tuple[Record, Product]]) -> list[tuple[Record, Product]]:
        """The newest form of each product, none that is older than what Brevo was given."""
        known = self.state.sources(self.connection, STREAM, [record.key for record, _ in parsed])
        return newest_of(parsed, known, self.report)

    def _wanted(self, current: Sequence[tuple[Record, Product]], now: datetime) -> list[_Wanted]:
        states = self.state.source_states(self.connection, STREAM, [record.key for record, _ in current])
        found = []
        for record, product in current:
            documents = product_documents(product, self.rules.rates.get(product.currency or ""), self.rules.currency)
            digests = {document["id"]: digest(plain(document)) for document in documents}
            given: dict[str, str] = states[record.key]["documents"] if record.key in states else {}
            changed = [
                document
                for document in documents
                if self.rules.force or given.get(document["id"]) != digests[document["id"]]
            ]
            gone = [number for number in given if number not in digests]
            changed += deleted_documents(gone, name=product.title or product.id, at=now)
            found.append(_Wanted(record, product, changed, digests, given))
        return found

    def _categories(self, products: Sequence[Product], now: datetime) -> None:
        """See to it that Brevo knows the categories that products are about to name."""
        latest: dict[str, Category] = {category.id: category for product in products for category in product.categories}
        known = self.state.sources(self.connection, CATEGORIES, list(latest))
        digests = {number: digest(category_document(category)) for number, category in latest.items()}
        changed = [
            category
            for number, category in latest.items()
            if self.rules.force or number not in known or known[number].hash != digests[number]
        ]
        sent = send_categories(self.client, changed)
        self.state.save_sources(
            SourceEntry(
                connection=self.connection,
                stream=CATEGORIES,
                key=number,
                contact_key=None,
                source_time=now,
                hash=digests[number],
            )
            for number in sent.accepted
        )
        mended = [_category_key(number) for number in sent.accepted]
        self.state.close_letters(self.connection, STREAM, mended, kinds=[LetterKind.PRODUCT])
        for number, vendor in sent.refused:
            message = f"Brevo refuses category {number}"
            self._letters.append(self._letter(_category_key(number), "refused", message, vendor))

    def _note(self, wanted: Sequence[_Wanted], sent: SentProducts) -> None:
        """Count, and remember what Brevo has now."""
        accepted, refused = set(sent.accepted), dict(sent.refused)
        whole: list[_Wanted] = []
        states: dict[str, dict[str, Any]] = {}
        for item in wanted:
            numbers = [document["id"] for document in item.documents]
            bad = [(number, refused[number]) for number in numbers if number in refused]
            if all(number in accepted for number in numbers):
                whole.append(item)
                self.report.sent += bool(numbers)
                self.sent += bool(numbers)
                if numbers:
                    self.report.note_sent(item.record.key, item.product.updated_at)
            elif bad:
                self.report.failed += 1
                self._refuse(item.record.key, bad)
            states[item.record.key] = {
                "name": item.product.title or item.product.id,
                "documents": _at_brevo(item, accepted),
            }
        with self.state.transaction():
            self.state.save_source_states(self.connection, STREAM, states)
            self.state.save_sources(self._entry(item) for item in whole)
            keys = [item.record.key for item in whole]
            self.state.close_letters(self.connection, STREAM, keys, kinds=[LetterKind.PRODUCT])

    def _entry(self, item: _Wanted) -> SourceEntry:
        return SourceEntry(
            connection=self.connection,
            stream=STREAM,
            key=item.record.key,
            contact_key=None,
            source_time=item.product.updated_at,
            hash=digest(item.digests),
        )

    def _refuse(self, key: str, bad: Sequence[tuple[str, VendorAnswer]]) -> None:
        if not bad:
            return
        named = ", ".join(number for number, _ in bad[:5])
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        message = f"Brevo refuses {named}{more} of this product"
        self._letters.append(self._letter(key, "refused", message, bad[0][1]))

    def _letter(self, key: str, reason: str, message: str, vendor: VendorAnswer) -> Letter:
        return Letter(
            connection=self.connection,
            stream=STREAM,
            key=key,
            kind=LetterKind.PRODUCT,
            reason=reason,
            message=message,
            vendor=vendor,
        )


def _category_key(number: str) -> str:
    return f"category:{number}"


def _at_brevo(item: _Wanted, accepted: set[str]) -> dict[str, str]:
    """Digests of the product's documents as Brevo has them; what is gone and was told is forgotten."""
    held = {
        number: known for number, known in item.given.items() if not (number in accepted and number not in item.digests)
    }
    return held | {number: known for number, known in item.digests.items() if number in accepted}
