from __future__ import annotations

import pytest
import requests

from tajo_pipelines.twin.shopify.access import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from tajo_pipelines_tests.twin.shopify.conftest import PATH, Api

GOOD = {"grant_type": "client_credentials", "client_id": DEFAULT_CLIENT_ID, "client_secret": DEFAULT_CLIENT_SECRET}
SHOP = '{"query": "{ shop { currencyCode } }"}'


def grant(api: Api, body: dict[str, str], *, form: bool = True, accept: str = "*/*") -> requests.Response:
    url = api.twin.shopify_url + "/admin/oauth/access_token"
    return requests.post(
        url, data=body if form else None, json=None if form else body, headers={"Accept": accept}, timeout=10
    )


def ask(api: Api, token: str | None, path: str = PATH) -> requests.Response:
    headers = {"Content-Type": "application/json"} | ({"X-Shopify-Access-Token": token} if token else {})
    return requests.post(api.twin.shopify_url + path, data=SHOP, headers=headers, timeout=10)


@pytest.mark.parametrize("form", [True, False])
def test_client_credentials_give_a_token_for_a_day(own_shop: Api, form: bool) -> None:
    given = grant(own_shop, GOOD, form=form).json()
    assert given["expires_in"] == 86399
    assert given["scope"] == "read_all_orders,read_customers,read_orders,read_products"
    assert ask(own_shop, given["access_token"]).json()["data"] == {"shop": {"currencyCode": "EUR"}}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"client_id": "another"}, "application_cannot_be_found"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "password"}, "invalid_request"),
    ],
)
def test_wrong_credentials_are_400_as_a_page_or_as_json(read_shop: Api, change: dict[str, str], code: str) -> None:
    page = grant(read_shop, {**GOOD, **change})
    assert page.status_code == 400
    assert f"Oauth error {code}" in page.text
    assert page.headers["Content-Type"].startswith("text/html")
    document = grant(read_shop, {**GOOD, **change}, accept="application/json")
    assert (document.status_code, document.json()["error"]) == (400, code)


def test_an_app_of_another_organisation_gets_no_token(own_shop: Api) -> None:
    own_shop.change("set_organisation", same=False)
    refused = grant(own_shop, GOOD, accept="application/json")
    assert (refused.status_code, refused.json()["error"]) == (400, "shop_not_permitted")
    own_shop.change("set_organisation", same=True)
    assert grant(own_shop, GOOD).status_code == 200


def test_unknown_and_revoked_tokens_are_401(own_shop: Api) -> None:
    token = grant(own_shop, GOOD).json()["access_token"]
    assert ask(own_shop, token).status_code == 200
    own_shop.change("revoke_tokens")
    for each in (token, "shpat_unknown", None):
        answer = ask(own_shop, each)
        assert answer.status_code == 401
        assert answer.json()["errors"].startswith("[API] Invalid API key or access token")
    assert own_shop.data("{ shop { name } }")
    own_shop.change("revoke_tokens", stored=True)
    assert own_shop.post("{ shop { name } }").status_code == 401


def test_a_missing_scope_is_access_denied_in_http_200(own_shop: Api) -> None:
    own_shop.change("set_scopes", scopes=["read_orders", "read_all_orders"])
    answer = own_shop.answer("{ customers(first: 1) { nodes { id } } }")
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "ACCESS_DENIED"
    assert "`read_customers`" in answer["errors"][0]["message"]
    partly = own_shop.answer(
        "{ orders(first: 5) { nodes { id customer { id } lineItems(first: 1) { nodes { product { id } } } } } }"
    )
    assert partly["errors"]
    assert all(node["customer"] is None for node in partly["data"]["orders"]["nodes"])
    assert own_shop.data("{ currentAppInstallation { accessScopes { handle } } }")["currentAppInstallation"] == {
        "accessScopes": [{"handle": "read_all_orders"}, {"handle": "read_orders"}]
    }


def test_only_sixty_days_of_orders_without_read_all_orders(own_shop: Api) -> None:
    count = "{ ordersCount { count } }"
    assert own_shop.data(count)["ordersCount"]["count"] == 180
    own_shop.change("set_scopes", scopes=["read_orders", "read_customers"])
    dates = own_shop.data("{ orders(first: 250, sortKey: CREATED_AT) { nodes { id createdAt } } }")["orders"]["nodes"]
    assert 0 < len(dates) == own_shop.data(count)["ordersCount"]["count"] < 180
    oldest = min(own_shop.dump("orders"), key=lambda order: order["createdAt"])
    assert own_shop.data(f'{{ order(id: "gid://shopify/Order/{oldest["id"]}") {{ id }} }}') == {"order": None}


@pytest.mark.parametrize(
    ("asked", "served"), [("2026-10", "2026-10"), ("2026-07", "2026-07"), ("2024-04", "2026-01"), ("2027-04", None)]
)
def test_an_old_version_falls_forward_and_a_future_one_is_unknown(
    read_shop: Api, asked: str, served: str | None
) -> None:
    answer = read_shop.post("{ shop { name } }", path=f"/admin/api/{asked}/graphql.json")
    assert answer.status_code == (404 if served is None else 200)
    if served is not None:
        assert answer.headers["X-Shopify-API-Version"] == served


def test_a_body_without_a_query_is_400(read_shop: Api) -> None:
    answer = read_shop.session.post(read_shop.twin.shopify_url + PATH, data="nothing", timeout=10)
    assert (answer.status_code, answer.json()) == (400, {"errors": {"query": "Required parameter missing or invalid"}})
