"""Every answer that the Brevo stand-in can give, judged by the vendor's contract.

``Api.call`` judges each answer; the tests here see to it that no operation and no status is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from tajo_pipelines.twin.brevo.app import Brevo
from tajo_pipelines.twin.brevo.limits import Limits
from tajo_pipelines_tests.twin.brevo_contract import (
    AMENDMENTS,
    ANSWERS_BEYOND,
    CONTRACT,
    ROUTES,
    template_of,
    wrong_answer,
)
from tajo_pipelines_tests.twin.conftest import Api

ATTRIBUTE = "/contacts/attributes"
COLOURS = [{"label": "Blue", "value": 1}, {"label": "Red", "value": 2}]
EVENT = {"event_name": "order_placed", "identifiers": {"email_id": "a@example.com"}, "event_properties": {"sum": 1.5}}
ORDER = {
    "id": "1",
    "createdAt": "2026-11-01T10:00:00.000Z",
    "updatedAt": "2026-11-01T10:00:00.000Z",
    "status": "paid",
    "amount": 12.5,
    "products": [{"productId": "7", "price": 12.5, "quantity": 1}],
    "identifiers": {"email_id": "a@example.com"},
    "coupons": ["SPRING"],
    "metaInfo": {"gross": "12.50"},
}
PRODUCT = {"id": "7", "name": "Tasse", "price": 12.5, "imageUrl": "https://shop.example/7.png", "categories": ["k"]}
CATEGORY = {"id": "k", "name": "Küche", "url": "https://shop.example/k"}

Call = tuple[int, str, str, Any]
"""Status that is asked for, method, path with its query, body."""

CALLS: tuple[Call, ...] = (
    (200, "GET", "/account", None),
    # lists and folders
    (201, "POST", "/contacts/folders", {"name": "Folder"}),
    (400, "POST", "/contacts/folders", {"name": ""}),
    (200, "GET", "/contacts/folders", None),
    (400, "GET", "/contacts/folders?limit=99", None),
    (200, "GET", "/contacts/folders/1", None),
    (400, "GET", "/contacts/folders/one", None),
    (404, "GET", "/contacts/folders/99", None),
    (201, "POST", "/contacts/lists", {"name": "First", "folderId": 1}),
    (201, "POST", "/contacts/lists", {"name": "Second", "folderId": 1}),
    (400, "POST", "/contacts/lists", {"name": "Nowhere", "folderId": 99}),
    (200, "GET", "/contacts/lists", None),
    (400, "GET", "/contacts/lists?limit=51", None),
    (200, "GET", "/contacts/lists/1", None),
    (400, "GET", "/contacts/lists/one", None),
    (404, "GET", "/contacts/lists/99", None),
    (204, "PUT", "/contacts/lists/1", {"name": "Renamed"}),
    (400, "PUT", "/contacts/lists/1", {}),
    (404, "PUT", "/contacts/lists/99", {"name": "Nobody's"}),
    (200, "GET", "/contacts/folders/1/lists", None),
    (400, "GET", "/contacts/folders/1/lists?limit=51", None),
    (404, "GET", "/contacts/folders/99/lists", None),
    # attributes
    (200, "GET", ATTRIBUTE, None),
    (201, "POST", f"{ATTRIBUTE}/normal/SPENT", {"type": "float"}),
    (201, "POST", f"{ATTRIBUTE}/normal/TAGS", {"type": "multiple-choice", "multiCategoryOptions": ["a", "b"]}),
    (201, "POST", f"{ATTRIBUTE}/category/COLOUR", {"enumeration": COLOURS}),
    (201, "POST", f"{ATTRIBUTE}/global/HOW_MANY", {"value": "COUNT[BLACKLISTED,BLACKLISTED,<,NOW()]"}),
    (400, "POST", f"{ATTRIBUTE}/normal/SPENT", {"type": "float"}),
    (200, "GET", ATTRIBUTE, None),
    (204, "PUT", f"{ATTRIBUTE}/category/COLOUR", {"enumeration": COLOURS[:1]}),
    (400, "PUT", f"{ATTRIBUTE}/category/COLOUR", {}),
    (404, "PUT", f"{ATTRIBUTE}/category/SHAPE", {"enumeration": COLOURS}),
    (204, "DELETE", f"{ATTRIBUTE}/normal/TAGS", None),
    (400, "DELETE", f"{ATTRIBUTE}/normal/SMS", None),
    (404, "DELETE", f"{ATTRIBUTE}/normal/TAGS", None),
    # contacts
    (
        201,
        "POST",
        "/contacts",
        {"email": "a@example.com", "attributes": {"SPENT": 1.5, "SMS": "+33612345678"}, "listIds": [1], "ext_id": "9"},
    ),
    (204, "POST", "/contacts", {"email": "a@example.com", "updateEnabled": True, "emailBlacklisted": True}),
    (201, "POST", "/contacts", {"attributes": {"SMS": "+33612345679"}}),
    (201, "POST", "/contacts", {"ext_id": "10"}),
    (400, "POST", "/contacts", {"email": "a@example.com"}),
    (400, "POST", "/contacts", {"email": "b@example.com", "attributes": {"SMS": "+33612345678"}}),
    (400, "POST", "/contacts", {}),
    (200, "GET", "/contacts", None),
    (200, "GET", "/contacts?listIds=1&sort=asc", None),
    (400, "GET", "/contacts?limit=1001", None),
    (200, "GET", "/contacts/a@example.com?identifierType=email_id", None),
    (400, "GET", "/contacts/nobody?identifierType=email_id", None),
    (404, "GET", "/contacts/z@example.com?identifierType=email_id", None),
    (204, "PUT", "/contacts/9?identifierType=ext_id", {"attributes": {"FIRSTNAME": "A"}, "unlinkListIds": [1]}),
    (400, "PUT", "/contacts/9?identifierType=ext_id", {"listIds": [99]}),
    (404, "PUT", "/contacts/99?identifierType=ext_id", {}),
    (201, "POST", "/contacts/lists/1/contacts/add", {"emails": ["a@example.com", "z@example.com"]}),
    (201, "POST", "/contacts/lists/2/contacts/add", {"extIds": ["9"]}),
    (400, "POST", "/contacts/lists/1/contacts/add", {"emails": ["z@example.com"]}),
    (404, "POST", "/contacts/lists/99/contacts/add", {"ids": [1]}),
    (200, "GET", "/contacts/lists/1/contacts", None),
    (400, "GET", "/contacts/lists/1/contacts?limit=501", None),
    (404, "GET", "/contacts/lists/99/contacts", None),
    (201, "POST", "/contacts/lists/1/contacts/remove", {"ids": [1, 99]}),
    (201, "POST", "/contacts/lists/2/contacts/remove", {"all": True}),
    (400, "POST", "/contacts/lists/1/contacts/remove", {"ids": [1]}),
    (404, "POST", "/contacts/lists/99/contacts/remove", {"ids": [1]}),
    # imports of contacts
    (202, "POST", "/contacts/import", {"jsonBody": [{"email": "bad"}, {"email": "c@example.com"}], "listIds": [1]}),
    (400, "POST", "/contacts/import", {"listIds": [1]}),
    (404, "POST", "/contacts/batch", {"contacts": []}),
    (200, "GET", "/processes", None),
    (400, "GET", "/processes?limit=51", None),
    (200, "GET", "/processes/1", None),
    (404, "GET", "/processes/99", None),
    # events
    (204, "POST", "/events", EVENT),
    (400, "POST", "/events", {"event_name": "no one's", "identifiers": {}}),
    (202, "POST", "/events/batch", {"events": [EVENT, EVENT]}),
    (207, "POST", "/events/batch", {"events": [EVENT, {"event_name": "x"}]}),
    (400, "POST", "/events/batch", {"events": [{"event_name": "x"}]}),
    (400, "POST", "/events/batch", {"events": []}),
    (200, "GET", "/events", None),
    (400, "GET", "/events?limit=ten", None),
    # e-commerce
    (200, "POST", "/ecommerce/activate", None),
    (200, "POST", "/ecommerce/config/displayCurrency", {"code": "EUR"}),
    (400, "POST", "/ecommerce/config/displayCurrency", {}),
    (422, "POST", "/ecommerce/config/displayCurrency", {"code": "ZZZ"}),
    (200, "GET", "/ecommerce/config/displayCurrency", None),
    (204, "POST", "/orders/status", ORDER),
    (400, "POST", "/orders/status", {**ORDER, "amount": "12.50"}),
    (202, "POST", "/orders/status/batch", {"orders": [{**ORDER, "id": "2"}], "historical": True}),
    (400, "POST", "/orders/status/batch", {"orders": []}),
    (200, "GET", "/orders", None),
    (400, "GET", "/orders?limit=101", None),
    (201, "POST", "/products", PRODUCT),
    (204, "POST", "/products", {**PRODUCT, "updateEnabled": True, "isDeleted": True}),
    (400, "POST", "/products", PRODUCT),
    (201, "POST", "/products/batch", {"products": [{**PRODUCT, "id": "8"}], "updateEnabled": True}),
    (400, "POST", "/products/batch", {"products": [PRODUCT, PRODUCT]}),
    (200, "GET", "/products", None),
    (400, "GET", "/products?sort=up", None),
    (200, "GET", "/products/7", None),
    (404, "GET", "/products/99", None),
    (201, "POST", "/categories", CATEGORY),
    (204, "POST", "/categories", {**CATEGORY, "updateEnabled": True}),
    (400, "POST", "/categories", {"id": "new"}),
    (201, "POST", "/categories/batch", {"categories": [{**CATEGORY, "id": "l"}], "updateEnabled": True}),
    (400, "POST", "/categories/batch", {"categories": []}),
    (200, "GET", "/categories", None),
    (400, "GET", "/categories?limit=101", None),
    (200, "GET", "/categories/k", None),
    (404, "GET", "/categories/99", None),
    # the ends
    (204, "DELETE", "/contacts/a@example.com?identifierType=email_id", None),
    (400, "DELETE", "/contacts/nobody?identifierType=email_id", None),
    (404, "DELETE", "/contacts/a@example.com?identifierType=email_id", None),
    (204, "DELETE", "/contacts/lists/2", None),
    (400, "DELETE", "/contacts/lists/two", None),
    (404, "DELETE", "/contacts/lists/2", None),
)

NEVER: Mapping[tuple[str, int], str] = {
    ("POST /contacts", 425): "declared and explained nowhere",
    ("PUT /contacts/{identifier}", 425): "declared and explained nowhere",
    ("DELETE /contacts/{identifier}", 405): "for contacts that may not be deleted; which those are isn't said",
    ("POST /contacts/batch", 204): "retired",
    ("POST /contacts/batch", 400): "retired",
    ("POST /ecommerce/activate", 404): "for accounts that e-commerce isn't offered to",
    ("GET /ecommerce/config/displayCurrency", 400): "nothing in this call could be wrong",
    ("GET /products/{id}", 400): "every text is an id",
    ("GET /categories/{id}", 400): "every text is an id",
    ("GET /processes/{processId}", 400): "what is no number is nobody's process: 404",
}
"""Statuses that the contract has and the twin doesn't give, with the reason."""


def done(api: Api, calls: tuple[Call, ...] = CALLS) -> set[tuple[str, int]]:
    """Make the calls; returns what was answered to which operation."""
    seen: set[tuple[str, int]] = set()
    for status, method, path, body in calls:
        answer = api.call(method, path, body)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        name = template_of(method, path.partition("?")[0])
        assert name is not None
        seen.add((name, answer.status_code))
    return seen


def known(method: str, template: str) -> str:
    """A path of the operation; what it names need not exist."""
    for name in ("listId", "folderId", "processId"):
        template = template.replace(f"{{{name}}}", "1")
    return template.replace("{attributeCategory}", "normal").replace("{", "").replace("}", "")


def inactive(api: Api) -> set[tuple[str, int]]:
    """What an account without e-commerce is answered."""
    api.change("ecommerce", active=False)
    names = [name for name in ROUTES if name.split("/")[1] in ("orders", "products", "categories")]
    names += ["GET /ecommerce/config/displayCurrency", "POST /ecommerce/config/displayCurrency"]
    calls = [name.split(" ") for name in names]
    return done(api, tuple((403, method, known(method, template), {}) for method, template in calls))


def without_key(api: Api) -> set[tuple[str, int]]:
    """What a caller without a key is answered."""
    seen: set[tuple[str, int]] = set()
    for name in ROUTES:
        method, template = name.split(" ")
        path = known(method, template)
        answer = requests.request(method, api.twin.brevo_url + path, json={}, timeout=10)
        assert wrong_answer(method, path, answer.status_code, answer.json()) == []
        seen.add((name, answer.status_code))
    return seen


def beyond_the_limit(api: Api) -> set[tuple[str, int]]:
    """What a caller is answered who has spent an hour's calls."""

    def spend() -> None:
        api.account.limits = Limits("general", api.account.clock)
        for bucket, windows in api.account.limits._windows.items():
            api.account.limits.take(bucket)
            for window in windows:
                window.length, window.used = 3600.0, window.limit

    api.twin.call(spend)
    calls = [name.split(" ") for name in ROUTES]
    return done(api, tuple((429, method, known(method, template), {}) for method, template in calls))


def test_every_operation_gives_every_status_of_the_contract_in_its_shape(api: Api) -> None:
    seen = done(api)
    process = api.finished(1)
    assert process["info"]["import"]["invalid_emails"]
    assert api.call("GET", "/orders").json()["count"] >= 1
    seen |= inactive(api) | without_key(api) | beyond_the_limit(api)
    wanted = {(name, int(status)) for name, route in ROUTES.items() for status in route["answers"]}
    assert wanted - seen == set(NEVER)
    assert seen - wanted == {(name, status) for name, status in ANSWERS_BEYOND if (name, status) not in wanted}


def test_the_contract_has_every_operation_of_the_twin_and_no_other() -> None:
    assert set(ROUTES) == {f"{method} {template}" for method, template in Brevo.routes()}
    assert CONTRACT["version"] == "3.0.0"


def test_a_failed_import_is_one_of_the_contract(api: Api) -> None:
    number = api.new_list()
    api.change("fail_imports", times=1)
    assert api.import_(jsonBody=[{"email": "a@example.com"}], listIds=[number])["status"] == "failed"


@pytest.mark.parametrize("amendment", AMENDMENTS, ids=lambda each: each.model.__name__)
def test_what_the_description_lacks_is_in_the_official_client(amendment: Any) -> None:
    fields = {field.alias or name: field for name, field in amendment.model.model_fields.items()}
    words = {"string": "str", "number": "float", "integer": "int", "boolean": "bool"}
    for key, schema in amendment.keys.items():
        assert words[schema["type"]] in str(fields[key].annotation), key


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("POST", "/contacts", 201, {"id": "1"}),
        ("POST", "/contacts", 201, {"id": 1, "made": True}),
        ("POST", "/contacts", 204, {"id": 1}),
        ("POST", "/contacts", 202, None),
        ("POST", "/products", 400, {"message": "no code"}),
        ("POST", "/products", 400, {"code": "nobody", "message": "a code of its own"}),
        ("GET", "/contacts/lists", 200, {"lists": [{"id": 1}], "count": 1}),
        ("POST", "/products/batch", 201, None),
    ],
)
def test_the_judge_refuses_what_the_contract_has_not(method: str, path: str, status: int, body: Any) -> None:
    assert wrong_answer(method, path, status, body)
