"""What the shop deleted: found by the connector, carried out at Brevo as ``on_delete`` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import Notice, TajoError
from tajo_pipelines.model.product import Product
from tajo_pipelines.model.window import Window
from tajo_pipelines.sdk.connector import Deleted, Source
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.store.batches import Watermark
from tajo_pipelines.sync.carts import CartDelivery
from tajo_pipelines.sync.customers import CustomerDelivery
from tajo_pipelines.sync.deliverers import Parts
from tajo_pipelines.sync.products import ProductDelivery
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

FIRST_LOOK = timedelta(days=1)
"""How far back the first look goes: nothing older can be at Brevo by us."""


def deliver_deletions(
    workspace: Workspace, connection: Connection, request: DeliveryRequest, parts: Parts, source: Source
) -> Notice | None:
    """Carry out what was deleted since the last look; the watermark moves once it is done.

    A platform that doesn't tell its deletions now makes a warning, not a failure: what was read has been delivered,
    and the next look reaches back as far.

    Args:
        workspace: Settings and store.
        connection: The connection.
        request: Which stream.
        parts: What carries its records.
        source: The opened connection.

    Returns:
        A warning where the platform's deletions couldn't be read.

    Raises:
        TajoError: Brevo can't be reached or used; the same deletions are found again then.
    """
    stream = workspace.connector(connection).stream(request.stream)
    if not stream.deletes or parts.kind not in _APPLY:
        return None
    name, now = f"{request.stream}/deleted", workspace.now()
    last = workspace.store.batches.watermark(connection.name, name) or now - FIRST_LOOK
    window = Window(min(last, now) - stream.overlap, now)
    try:
        found = {gone.key: gone for gone in source.deleted(request.stream, window)}
    except TajoError as error:
        return Notice("deletions_unread", f"what was deleted couldn't be read: {error}", f"{connection.name}/{name}")
    if found:
        log.info("deleted at the source", connection=connection.name, stream=request.stream, records=len(found))
        apply_deletions(workspace, connection, request, parts, list(found.values()))
    workspace.store.batches.set_watermark(Watermark(connection.name, name, now))
    return None


def apply_deletions(
    workspace: Workspace, connection: Connection, request: DeliveryRequest, parts: Parts, gone: Sequence[Deleted]
) -> None:
    """Carry out deletions, each once however often it is told; what kinds of records stay at Brevo is passed over.

    Raises:
        TajoError: Brevo can't be reached or used.
    """
    apply = _APPLY.get(parts.kind)
    if apply is not None:
        apply(workspace, connection, request, parts, gone)


def _products(
    workspace: Workspace,
    connection: Connection,
    request: DeliveryRequest,
    parts: Parts,
    gone: Sequence[Deleted],
) -> None:
    if connection.streams[request.stream].on_delete != "keep" and isinstance(parts.deliverer, ProductDelivery):
        parts.deliverer.delete([item.key for item in gone], workspace.now())


def _customers(
    workspace: Workspace,
    connection: Connection,
    request: DeliveryRequest,
    parts: Parts,
    gone: Sequence[Deleted],
) -> None:
    if isinstance(parts.deliverer, CustomerDelivery):
        parts.deliverer.delete(gone, connection.streams[request.stream].on_delete, workspace.now())


def _carts(
    workspace: Workspace,
    connection: Connection,
    request: DeliveryRequest,
    parts: Parts,
    gone: Sequence[Deleted],
) -> None:
    """A cart's contact stays, whatever ``on_delete`` says: an event is all that Brevo holds of a cart."""
    if isinstance(parts.deliverer, CartDelivery):
        parts.deliverer.delete(gone, workspace.now())


_Apply = Callable[[Workspace, Connection, DeliveryRequest, Parts, Sequence[Deleted]], None]
_APPLY: Mapping[type, _Apply] = {Customer: _customers, Product: _products, Cart: _carts}
"""Orders stay at Brevo whatever becomes of them in the shop: its API has no way to take one back."""
