"""Brevo's official client as a second opinion on a request: can it say the same, and does it say it so?"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import httpx
import pydantic
from brevo import Brevo

from tajo_pipelines_tests.twin.brevo_contract import template_of

METHODS: Mapping[str, str] = {
    "GET /account": "account.get_account",
    "GET /contacts": "contacts.get_contacts",
    "POST /contacts": "contacts.create_contact",
    "GET /contacts/{identifier}": "contacts.get_contact_info",
    "PUT /contacts/{identifier}": "contacts.update_contact",
    "DELETE /contacts/{identifier}": "contacts.delete_contact",
    "POST /contacts/import": "contacts.import_contacts",
    "GET /contacts/attributes": "contacts.get_attributes",
    "POST /contacts/attributes/{attributeCategory}/{attributeName}": "contacts.create_attribute",
    "PUT /contacts/attributes/{attributeCategory}/{attributeName}": "contacts.update_attribute",
    "GET /contacts/lists": "contacts.get_lists",
    "POST /contacts/lists": "contacts.create_list",
    "POST /contacts/lists/{listId}/contacts/add": "contacts.add_contact_to_list",
    "POST /contacts/lists/{listId}/contacts/remove": "contacts.remove_contact_from_list",
    "GET /contacts/folders": "contacts.get_folders",
    "POST /contacts/folders": "contacts.create_folder",
    "GET /processes": "process.get_processes",
    "GET /processes/{processId}": "process.get_process",
    "POST /events": "event.create_event",
    "POST /events/batch": "event.create_batch_events",
    "GET /events": "event.get_events",
    "POST /orders/status": "ecommerce.create_order",
    "POST /orders/status/batch": "ecommerce.create_batch_order",
    "GET /orders": "ecommerce.get_orders",
    "POST /products": "ecommerce.create_update_product",
    "POST /products/batch": "ecommerce.create_update_batch_products",
    "GET /products": "ecommerce.get_products",
    "POST /categories": "ecommerce.create_update_category",
    "POST /categories/batch": "ecommerce.create_update_batch_category",
    "GET /categories": "ecommerce.get_categories",
    "POST /ecommerce/activate": "ecommerce.activate_the_e_commerce_app",
    "GET /ecommerce/config/displayCurrency": (
        "ecommerce.get_the_iso4217compliant_display_currency_code_for_your_brevo_account"
    ),
    "POST /ecommerce/config/displayCurrency": "ecommerce.set_config_display_currency",
}
"""The client's method by the operation that it performs."""

WHOLE_NUMBERS = ("event_properties", "events")
"""Where the client's types know whole numbers alone, though properties may be numbers of every kind
(developers.brevo.com/docs/event-endpoints) and the client sends those unchanged."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _snake(name: str) -> str:
    return _WORD.sub("_", name).lower()


def _strangers(value: Any, where: str) -> Iterator[str]:
    """Keys that a model has no field for."""
    if isinstance(value, pydantic.BaseModel):
        yield from (f"{where}.{name}" for name in value.model_extra or ())
        for name, each in value:
            yield from _strangers(each, f"{where}.{name}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _strangers(each, where)


def _arguments(method: Any, given: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    """Keyword arguments for the client, parsed into the types that it asks for."""
    hints = typing.get_type_hints(method, include_extras=True)
    made: dict[str, Any] = {}
    for name, value in given.items():
        key = _snake(name)
        if key not in hints:
            problems.append(f"there is no argument {key}")
            continue
        try:
            typed = pydantic.TypeAdapter(hints[key]).validate_python(_whole(value) if key in WHOLE_NUMBERS else value)
        except pydantic.ValidationError as error:
            problems.append(f"{key}: {error}"[:500])
            continue
        problems.extend(_strangers(typed, key))
        made[key] = value if key in WHOLE_NUMBERS else typed
    return made


def _whole(value: Any) -> Any:
    if isinstance(value, float):
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


def _instants(value: Any) -> Any:
    """The same with instants instead of their texts, which the client writes without empty fractions."""
    if isinstance(value, dict):
        return {name: _instants(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_instants(each) for each in value]
    return datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else value


def objections(method: str, path: str, query: Mapping[str, str], body: Any) -> list[str]:
    """What the client would say or do otherwise; empty where it sends the very same request."""
    name = template_of(method, path)
    if name is None or name not in METHODS:
        return [f"{method} {path} isn't a call that the client has"]
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    with httpx.Client(transport=httpx.MockTransport(answer)) as transport:
        client: Any = Brevo(api_key="key", base_url="http://brevo/v3", httpx_client=transport, max_retries=0)
        group, verb = METHODS[name].split(".")
        call = getattr(getattr(client, group), verb)
        problems: list[str] = []
        parts = zip(name.split(" ")[1].split("/"), path.split("/"), strict=True)
        given: dict[str, Any] = {part[1:-1]: unquote(value) for part, value in parts if part.startswith("{")}
        given = {key: int(value) if key.endswith("Id") else value for key, value in given.items()} | dict(query)
        takes_whole = "request" in inspect.signature(call).parameters
        given |= {"request": body} if takes_whole else body or {}
        arguments = _arguments(call, given, problems)
        if problems:
            return [f"{name}: {problem}" for problem in problems]
        call(**arguments)
    return [f"{name}: {problem}" for problem in _differences(sent[-1], method, path, query, body)]


def _differences(sent: httpx.Request, method: str, path: str, query: Mapping[str, str], body: Any) -> Iterator[str]:
    if (sent.method, unquote(sent.url.path)) != (method, f"/v3{unquote(path)}"):
        yield f"{sent.method} {sent.url.path}"
    if {key: str(value) for key, value in sent.url.params.items()} != dict(query):
        yield f"asks {sent.url.params} instead of {query}"
    document = json.loads(sent.content) if sent.content.strip() else None
    if _instants(document or None) != _instants(body or None):
        yield f"sends {str(document)[:300]} instead of {str(body)[:300]}"
