from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sync.account import OpenAccount, account_currency
from tajo_pipelines.sync.workspace import Workspace
from tajo_pipelines_tests.brevo.stub import START, Reply, bench, fresh_state, stub


def test_a_display_currency_that_was_mended_at_brevo_counts_in_the_next_run() -> None:
    answers = [Reply(403, {"code": "permission_denied", "message": "no"})]
    answers += [Reply(200, {"code": code}) for code in ("USD", "EUR")]
    workspace = cast(Workspace, SimpleNamespace(now=lambda: START))
    with stub(answers) as served:
        b = bench(served.url)
        given: Any = SimpleNamespace(client=b.client, state=fresh_state(), settings=SimpleNamespace(currency="EUR"))
        opened = cast(OpenAccount, given)
        for code in ("ecommerce_inactive", "currency_differs"):
            with pytest.raises(ConfigError) as caught:
                account_currency(workspace, opened)
            assert caught.value.code == code
        assert [account_currency(workspace, opened) for _ in range(3)] == ["EUR"] * 3
        b.client.close()
    assert len(served.received) == 3
