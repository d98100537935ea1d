"""The official client and its models read what the stand-in answers, so that it doesn't judge itself."""

from __future__ import annotations

from typing import Any

import httpx
import pydantic
import pytest
from brevo import Brevo
from brevo.account.types import GetAccountResponse
from brevo.contacts.types import (
    AddContactToListRequestBodyEmails,
    CreateContactResponse,
    GetAttributesResponse,
    GetContactInfoResponse,
    GetFoldersResponse,
    GetListResponse,
    GetListsResponse,
    ImportContactsRequestJsonBodyItem,
    ImportContactsResponse,
)
from brevo.ecommerce.types import (
    CreateBatchOrderResponse,
    CreateUpdateBatchCategoryRequestCategoriesItem,
    CreateUpdateBatchCategoryResponse,
    CreateUpdateBatchProductsRequestProductsItem,
    CreateUpdateBatchProductsResponse,
    CreateUpdateCategoryResponse,
    CreateUpdateProductResponse,
    GetCategoriesResponse,
    GetEcommerceConfigDisplayCurrencyResponse,
    GetProductsResponse,
)
from brevo.process.types import GetProcessesResponse, GetProcessResponse
from brevo.types import (
    BatchEventsResponse,
    GetCategoryDetails,
    GetContacts,
    GetEventsList,
    GetProductDetails,
    Order,
    OrderIdentifiers,
    OrderProductsItem,
    PostContactInfo,
)

from tajo_pipelines_tests.twin.conftest import Api


@pytest.fixture
def client(api: Api) -> Any:
    with httpx.Client(timeout=10) as transport:
        yield Brevo(api_key=api.key, base_url=api.twin.brevo_url, httpx_client=transport, max_retries=0)


def fits(model: type[pydantic.BaseModel], document: object) -> None:
    """Validates, which the client itself doesn't do with answers."""
    model.model_validate(document)


def test_its_models_validate_our_answers(api: Api) -> None:
    number = api.new_list()
    api.create("a@example.com", listIds=[number], attributes={"SMS": "+33612345678"}, ext_id="9")
    api.change("unsubscribe", email="a@example.com")
    process = api.import_(jsonBody=[{"email": "bad"}, {"email": "b@example.com"}], listIds=[number])
    fits(GetAccountResponse, api.call("GET", "/account").json())
    fits(GetContactInfoResponse, api.contact("a@example.com"))
    fits(GetAttributesResponse, api.call("GET", "/contacts/attributes").json())
    fits(GetListsResponse, api.call("GET", "/contacts/lists").json())
    fits(GetListResponse, api.call("GET", f"/contacts/lists/{number}").json())
    fits(GetFoldersResponse, api.call("GET", "/contacts/folders").json())
    fits(GetContacts, api.call("GET", "/contacts").json())
    fits(GetContacts, api.call("GET", f"/contacts/lists/{number}/contacts").json())
    other = api.new_list("Other")
    fits(PostContactInfo, api.call("POST", f"/contacts/lists/{other}/contacts/add", {"ids": [1, 99]}).json())
    events = [{"event_name": "x", "identifiers": {"contact_id": 1}}, {"event_name": "x"}]
    fits(BatchEventsResponse, api.call("POST", "/events/batch", {"events": events}).json())
    fits(GetEventsList, api.call("GET", "/events").json())
    fits(GetProcessResponse, process)
    fits(GetProcessesResponse, api.call("GET", "/processes").json())
    fits(GetEcommerceConfigDisplayCurrencyResponse, api.call("GET", "/ecommerce/config/displayCurrency").json())


def test_it_works_against_us_with_its_own_requests(client: Any, api: Api) -> None:
    number = api.new_list()
    assert client.account.get_account().organization_id == api.organization
    created = client.contacts.create_contact(
        email="a@example.com", attributes={"FIRSTNAME": "A", "SMS": "+33612345678"}, list_ids=[number], ext_id="5"
    )
    assert isinstance(created, CreateContactResponse)
    assert client.contacts.create_contact(email="a@example.com", update_enabled=True) is None
    held = client.contacts.get_contact_info(identifier="a@example.com", identifier_type="email_id")
    assert (held.id, held.email_blacklisted, held.list_ids) == (created.id, False, [number])
    client.contacts.update_contact(identifier="a@example.com", identifier_type="email_id", email_blacklisted=True)
    listed = client.contacts.get_contacts(limit=1000, sort="asc")
    assert (listed.count, listed.contacts[0].email_blacklisted) == (1, True)
    client.contacts.create_attribute(attribute_category="normal", attribute_name="SPENT", type="float")
    assert "SPENT" in [entry.name for entry in client.contacts.get_attributes().attributes]
    other = client.contacts.create_list(name="Other", folder_id=1)
    added = client.contacts.add_contact_to_list(
        list_id=other.id, request=AddContactToListRequestBodyEmails(emails=["a@example.com"])
    )
    assert added.contacts.success == ["a@example.com"]
    started = client.contacts.import_contacts(
        json_body=[ImportContactsRequestJsonBodyItem(email="b@example.com", attributes={"FIRSTNAME": "B"})],
        list_ids=[number],
    )
    assert isinstance(started, ImportContactsResponse)
    api.finished(started.process_id)
    assert client.process.get_process(process_id=started.process_id).status == "completed"


def test_its_orders_and_events_are_accepted(client: Any, api: Api) -> None:
    api.create("a@example.com")
    body: dict[str, Any] = {
        "id": "1",
        "created_at": "2026-11-01T10:00:00Z",
        "updated_at": "2026-11-01T10:00:00Z",
        "status": "paid",
        "amount": 12.5,
        "products": [OrderProductsItem(product_id="7", price=12.5, quantity=1)],
        "identifiers": OrderIdentifiers(email_id="a@example.com"),
    }
    client.ecommerce.create_order(**body)
    assert api.account.orders["1"]["contact_id"] is not None
    batch = client.ecommerce.create_batch_order(orders=[Order(**{**body, "id": "2"})], historical=True)
    assert isinstance(batch, CreateBatchOrderResponse)
    assert client.ecommerce.get_orders(limit=100) is not None
    client.event.create_event(event_name="order_placed", identifiers={"email_id": "a@example.com"})
    assert len(api.account.events) == 1


def test_its_products_and_categories_are_accepted(client: Any, api: Api) -> None:
    made = client.ecommerce.create_update_category(id="7", name="Kaffee", update_enabled=True)
    assert isinstance(made, CreateUpdateCategoryResponse)
    item = CreateUpdateBatchCategoryRequestCategoriesItem(id="8", name="Tee", url="https://shop.example/tee")
    several = client.ecommerce.create_update_batch_category(categories=[item], update_enabled=True)
    assert isinstance(several, CreateUpdateBatchCategoryResponse)
    one: dict[str, Any] = {
        "id": "1",
        "name": "Tasse",
        "price": 12.9,
        "alternative_price": 15.0,
        "brand": "Kontor",
        "categories": ["7"],
        "description": "blau",
        "image_url": "https://shop.example/1.png",
        "meta_info": {"colour": "blau"},
        "sku": "T-1",
        "stock": 3,
        "url": "https://shop.example/1",
    }
    created = client.ecommerce.create_update_product(**one)
    assert isinstance(created, CreateUpdateProductResponse)
    assert client.ecommerce.create_update_product(**one, update_enabled=True) is None
    batch = client.ecommerce.create_update_batch_products(
        products=[CreateUpdateBatchProductsRequestProductsItem(**{**one, "id": "2", "parent_id": "1"})],
        update_enabled=True,
    )
    assert isinstance(batch, CreateUpdateBatchProductsResponse)
    assert (batch.created_count, batch.updated_count) == (1, 0)
    listed = client.ecommerce.get_products(limit=100, sort="asc", search="tasse", price_gte=1, is_deleted="false")
    assert [(entry.id, entry.parent_id, entry.alternative_price) for entry in listed.products] == [
        ("1", None, 15.0),
        ("2", "1", 15.0),
    ]
    fits(GetProductsResponse, api.call("GET", "/products").json())
    fits(GetProductDetails, api.call("GET", "/products/1").json())
    fits(GetCategoriesResponse, api.call("GET", "/categories").json())
    fits(GetCategoryDetails, api.call("GET", "/categories/7").json())
