"""The account's contact attributes."""

from __future__ import annotations

import re
from typing import Any

from tajo_pipelines.twin.brevo.ask import Answer, Ask, Routes
from tajo_pipelines.twin.brevo.errors import ApiError, invalid, missing, not_found
from tajo_pipelines.twin.brevo.shapes import Each, Nested, check, flag, integer, one_of, text, texts
from tajo_pipelines.twin.brevo.state import IDENTIFIERS

CATEGORIES = ("normal", "transactional", "category", "calculated", "global")
_NAME = re.compile(r"[A-Z0-9_]{1,50}")
_OPTION = Nested({"label": text, "value": integer}, ("label", "value"))
_MOST_OPTION = 200
_CREATE = Nested(
    {
        "enumeration": Each(_OPTION),
        "isRecurring": flag,
        "multiCategoryOptions": texts,
        "type": one_of("text", "date", "float", "boolean", "id", "category", "multiple-choice", "user"),
        "value": text,
    }
)
_UPDATE = Nested({"enumeration": Each(_OPTION), "multiCategoryOptions": texts, "value": text})
_TYPES = {
    "normal": ("text", "date", "float", "boolean", "multiple-choice", "user"),
    "category": ("category",),
    "transactional": ("text", "date", "float", "boolean", "id"),
}


def _all(ask: Ask) -> Answer:
    return 200, {"attributes": list(ask.account.attributes.values())}


def _category(ask: Ask) -> str:
    category = ask.path["attributeCategory"]
    if category not in CATEGORIES:
        raise invalid("Invalid attribute category")
    return category


def _options(body: dict[str, Any]) -> list[dict[str, Any]]:
    options = body.get("enumeration", [])
    if any(len(option["label"]) > _MOST_OPTION for option in options):
        raise invalid("Option label is too long")
    return [{**option, "valueStr": str(option["value"])} for option in options]


def _create(ask: Ask) -> Answer:
    category, name, body = _category(ask), ask.path["attributeName"], ask.body
    check(body, _CREATE)
    if not _NAME.fullmatch(name):
        raise invalid("Attribute name should be in upper case letters, digits and underscore, at most 50")
    if name in ask.account.attributes or name in ("EMAIL", "ID"):
        raise invalid("Attribute name must be unique")
    document: dict[str, Any] = {"name": name, "category": category}
    if category == "category":
        if not body.get("enumeration"):
            raise missing("enumeration is missing")
        document["enumeration"] = _options(body)
    elif category in ("calculated", "global"):
        if not body.get("value"):
            raise missing("value is missing")
        document["calculatedValue"] = body["value"]
    else:
        if body.get("type") not in _TYPES[category]:
            raise invalid("Invalid type") if "type" in body else missing("type is missing")
        document["type"] = body["type"]
        if body["type"] == "multiple-choice":
            document["multiCategoryOptions"] = _choices(body)
    ask.account.attributes[name] = document
    return 201, None


def _choices(body: dict[str, Any]) -> list[str]:
    options: list[str] = body.get("multiCategoryOptions", [])
    if not options or any(len(option) > _MOST_OPTION for option in options):
        raise invalid("multiCategoryOptions is missing or has an option of over 200 characters")
    return list(dict.fromkeys(options))


def _existing(ask: Ask) -> dict[str, Any]:
    category, name = _category(ask), ask.path["attributeName"]
    document: dict[str, Any] | None = ask.account.attributes.get(name)
    if document is None or document["category"] != category:
        raise not_found("Attribute not found")
    return document


def _update(ask: Ask) -> Answer:
    document = _existing(ask)
    check(ask.body, _UPDATE)
    if document["category"] == "category" and ask.body.get("enumeration"):
        document["enumeration"] = _options(ask.body)
    elif document.get("type") == "multiple-choice" and ask.body.get("multiCategoryOptions"):
        document["multiCategoryOptions"] = list(dict.fromkeys([*document["multiCategoryOptions"], *_choices(ask.body)]))
    elif "calculatedValue" in document and ask.body.get("value"):
        document["calculatedValue"] = ask.body["value"]
    else:
        raise invalid("Nothing that this attribute can take")
    ask.account.attributes.touch(document["name"])
    return 204, None


def _delete(ask: Ask) -> Answer:
    document = _existing(ask)
    if document["name"] in IDENTIFIERS:
        raise ApiError(400, "method_not_allowed", "Attribute can't be deleted")
    del ask.account.attributes[document["name"]]
    for contact in ask.account.people():
        if contact["attributes"].pop(document["name"], None) is not None:
            ask.account.contacts.touch(str(contact["id"]))
    return 204, None


ROUTES: Routes = [
    ("GET", "/contacts/attributes", _all),
    ("POST", "/contacts/attributes/{attributeCategory}/{attributeName}", _create),
    ("PUT", "/contacts/attributes/{attributeCategory}/{attributeName}", _update),
    ("DELETE", "/contacts/attributes/{attributeCategory}/{attributeName}", _delete),
]
