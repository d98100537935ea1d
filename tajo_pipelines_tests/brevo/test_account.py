from __future__ import annotations

import pytest

from tajo_pipelines.brevo.account import (
    EcommerceStatus,
    activate_ecommerce,
    check_ecommerce,
    read_identity,
    require_ecommerce,
)
from tajo_pipelines.model.errors import ConfigError, ContractError
from tajo_pipelines_tests.brevo.stub import Reply, bench, stub

ACCOUNT = {"organization_id": "0123abcd", "user_id": 1, "companyName": "Ana's Shop", "email": "ana@example.com"}
INACTIVE = Reply(403, {"code": "permission_denied", "message": "eCommerce isn't activated"})


def test_state_hangs_on_who_answers_and_where() -> None:
    with stub([Reply(200, ACCOUNT)]) as served:
        b = bench(served.url)
        identity = read_identity(b.client)
        b.client.close()
    assert identity.id == f"0123abcd@{served.url.removeprefix('http://')}"
    assert identity.company == "Ana's Shop"
    assert "ana@" not in repr(b.calls.kept)


def test_an_account_without_its_id_is_refused_aloud() -> None:
    with stub([Reply(200, {"companyName": "x"})]) as served:
        b = bench(served.url)
        with pytest.raises(ContractError, match="organization_id"):
            read_identity(b.client)
        b.client.close()


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(200, {"code": "EUR"}), EcommerceStatus(active=True, currency="EUR")),
        (INACTIVE, EcommerceStatus(active=False, currency=None)),
        (Reply(200, {"code": ""}), EcommerceStatus(active=True, currency=None)),
    ],
)
def test_ecommerce_is_asked_for_by_its_currency(reply: Reply, status: EcommerceStatus) -> None:
    with stub([reply]) as served:
        b = bench(served.url)
        assert check_ecommerce(b.client) == status
        b.client.close()


@pytest.mark.parametrize(
    ("status", "currency", "code"),
    [
        (EcommerceStatus(active=False, currency=None), None, "ecommerce_inactive"),
        (EcommerceStatus(active=True, currency=None), None, "no_currency"),
        (EcommerceStatus(active=True, currency="USD"), "EUR", "currency_differs"),
    ],
)
def test_what_is_missing_names_the_way_out(status: EcommerceStatus, currency: str | None, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        require_ecommerce(status, currency)
    assert raised.value.code == code
    assert "Brevo" in raised.value.hint
    assert raised.value.exit_code == 3


def test_a_ready_account_gives_its_currency() -> None:
    assert require_ecommerce(EcommerceStatus(active=True, currency="EUR"), None) == "EUR"


def test_activation_is_one_call_without_a_body() -> None:
    with stub([Reply(200)]) as served:
        b = bench(served.url)
        activate_ecommerce(b.client)
        b.client.close()
    assert [(sent.method, sent.path, sent.body) for sent in served.received] == [
        ("POST", "/v3/ecommerce/activate", None)
    ]
