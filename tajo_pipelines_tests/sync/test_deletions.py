from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NoReturn, cast

from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.window import Window
from tajo_pipelines.sync.deletions import deliver_deletions
from tajo_pipelines.sync.request import DeliveryRequest
from tajo_pipelines_tests.sync.support import NOON


class Silent:
    """A platform that doesn't tell what was deleted."""

    def deleted(self, stream: str, window: Window) -> NoReturn:
        raise ContractError("no events", where="there")


def test_deletions_that_cant_be_read_are_a_warning_and_looked_for_again() -> None:
    """What was read has been delivered: the stream hasn't failed, and the next look reaches back as far."""
    moved: list[object] = []
    batches = SimpleNamespace(watermark=lambda *_: None, set_watermark=moved.append)
    stream = SimpleNamespace(deletes=True, overlap=NOON - NOON)
    workspace: Any = SimpleNamespace(
        now=lambda: NOON,
        connector=lambda _: SimpleNamespace(stream=lambda _: stream),
        store=SimpleNamespace(batches=batches),
    )
    connection: Any = SimpleNamespace(name="shop", streams={})
    request = DeliveryRequest("shop", "customers", "run")
    parts: Any = SimpleNamespace(kind=Customer)
    notice = deliver_deletions(workspace, connection, request, parts, cast(Any, Silent()))
    assert notice is not None
    assert (notice.code, notice.where) == ("deletions_unread", "shop/customers/deleted")
    assert moved == []
