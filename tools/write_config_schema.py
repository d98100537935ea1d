"""Writes config/connectors.schema.json, by which editors complete and check config/connectors.yaml.

Keys, types and defaults come from the models that read the file, connectors' own keys from their manifests,
descriptions from docs/configuration.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from tajo_pipelines.mapping.spec import CANONICAL_SOURCES, IDENTITY_TARGETS, SOURCE_TYPES, AttributeType, camel_case
from tajo_pipelines.mapping.transforms import TRANSFORMS
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings.schema import (
    AccountSection,
    ConnectionSection,
    FieldRuleSection,
    Section,
    StreamSection,
)
from tajo_pipelines.settings.streams import KNOWN_STREAMS

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "config" / "connectors.schema.json"
WORDS = ROOT / "docs" / "configuration.md"

_FORMS: Mapping[str, JsonSchemaValue] = {
    "_duration": {"type": "string", "pattern": "^[0-9]{1,5}[dhms]$"},
    "_date": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "_currency": {"type": "string", "pattern": "^[A-Za-z]{3}$"},
    "_region": {"type": "string", "pattern": "^[A-Za-z]{2}$"},
    "_schedule": {"anyOf": [{"enum": ["hourly", "daily"]}, {"type": "string", "pattern": r"^\S+( +\S+){4}$"}]},
    "_names": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "check": {"type": "string", "pattern": "^https?://"},
}
"""What a reader of the file makes sure of, by the name of its function."""

_VARIABLE: JsonSchemaValue = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
_QUOTED: JsonSchemaValue = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
_NULL: JsonSchemaValue = {"type": "null"}
_UNITS = {86400: "d", 3600: "h", 60: "m", 1: "s"}


class _Forms(GenerateJsonSchema):
    """Knows what the readers' own functions take."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        return self._form(schema) or super().function_before_schema(schema)

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        return self._form(schema) or super().function_after_schema(schema)

    def _form(self, schema: Any) -> JsonSchemaValue | None:
        if schema["schema"]["type"] in {"literal", "model-fields"}:
            return None
        form = _FORMS.get(getattr(schema["function"]["function"], "__name__", ""))
        return None if form is None else dict(form)


def render() -> str:
    """The whole file."""
    return json.dumps(_whole(), indent=2, ensure_ascii=False) + "\n"


def _whole() -> JsonSchemaValue:
    words = _words()
    account = _section(AccountSection, words["brevo"])
    several = {"type": "object", "additionalProperties": _ref("account")}
    brevo = {**account, "properties": {**account["properties"], "accounts": several}}
    names = [name for name in registry.connector_names() if registry.find(name).origin == "builtin"]
    others = [{"allOf": [_ref(name), {"required": ["connector"]}]} for name in names]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "config/connectors.yaml",
        "description": "Written by tools/write_config_schema.py; docs/configuration.md explains every key.",
        "type": "object",
        "properties": {
            "brevo": _optional(brevo | {"description": "The Brevo account that is fed, or several under accounts."}),
            "accounts": _optional(several | {"description": "Several Brevo accounts by name."}),
            "connectors": {
                "description": "One connection each, by its name.",
                "type": ["object", "null"],
                "properties": {name: _ref(name) for name in names},
                "additionalProperties": others[0] if len(others) == 1 else {"anyOf": others},
            },
            "field_mapping": _ref("field_mapping"),
        },
        "additionalProperties": False,
        "definitions": {
            "account": account,
            "field_mapping": _optional(_field_mapping(words["field_mapping"])),
            "stream": {"anyOf": [{"type": "boolean"}, _section(StreamSection, words["connectors"]), _VARIABLE, _NULL]},
            **{name: _connection(name, names, words["connectors"]) for name in names},
        },
    }


def _ref(name: str) -> JsonSchemaValue:
    return {"$ref": f"#/definitions/{name}"}


def _connection(connector: str, known: list[str], words: Mapping[str, str]) -> JsonSchemaValue:
    manifest = registry.manifest(connector)
    section = _section(ConnectionSection, words)
    own = {key: {"description": f"{manifest.title}'s own key."} for key in manifest.config_keys}
    secrets = {
        key: {
            "type": ["string", "null"],
            "description": f"Secret, as ${{NAME}}; left out, <CONNECTION>_{ending} in the environment or .env.",
        }
        for key, ending in manifest.secret_names.items()
    }
    streams = dict.fromkeys([*(spec.name for spec in manifest.streams), *KNOWN_STREAMS], _ref("stream"))
    sync = {"type": "object", "properties": streams, "additionalProperties": False, "description": words["sync"]}
    properties = (
        section["properties"] | own | secrets | {"sync": _optional(sync), "field_mapping": _ref("field_mapping")}
    )
    properties["connector"] = {"enum": known, "description": words["connector"]}
    return {**section, "properties": properties}


def _field_mapping(words: Mapping[str, str]) -> JsonSchemaValue:
    named = "|".join(IDENTITY_TARGETS)
    target = {"type": "string", "pattern": f"^([A-Z0-9_]{{1,50}}|{named})$"}
    kinds = {
        spelling: f"A {SOURCE_TYPES[name]} at Brevo."
        for name in CANONICAL_SOURCES
        for spelling in (name, camel_case(name))
    }
    rule = _section(FieldRuleSection, words)
    rule["properties"]["type"] = {"enum": [*AttributeType, None], "description": words["type"]}
    step = {"type": "string", "pattern": _steps()}
    rule["properties"]["transform"] = {
        "anyOf": [step, {"type": "array", "items": step}, _NULL],
        "description": words["transform"],
    }
    return {
        "description": "What a contact's attributes are made of: source: TARGET, or TARGET: {from, ...}.",
        "type": "object",
        "properties": {
            # The identity's names are targets of the long form too.
            name: {"anyOf": [target, rule]} | {"description": text}
            if name in IDENTITY_TARGETS
            else target | {"description": text}
            for name, text in kinds.items()
        },
        "patternProperties": {"^raw\\.": target},
        "additionalProperties": rule,
    }


def _steps() -> str:
    forms = []
    for transform in TRANSFORMS.values():
        argument = "[0-9]+" if transform.parameter == "N" else ".+"
        tail = f":{argument}" if transform.required else f"(:{argument})?"
        forms.append(transform.name + (tail if transform.parameter else ""))
    return f"^({'|'.join(forms)})$"


# -- sections ---------------------------------------------------------------------------------------------------------


def _section(model: type[Section], words: Mapping[str, str]) -> JsonSchemaValue:
    """A section's own schema, its keys described."""
    whole = model.model_json_schema(by_alias=True, schema_generator=_Forms)
    return _described(whole, whole.get("$defs", {}), words, "")


def _described(node: JsonSchemaValue, defs: JsonSchemaValue, words: Mapping[str, str], path: str) -> JsonSchemaValue:
    properties = {}
    for name, given in node["properties"].items():
        below = f"{path}{name}"
        inner = _inner(given, defs)
        found = _described(inner, defs, words, f"{below}.") if inner is not None else _plain(given)
        if name not in node.get("required", ()):
            found = _optional(found)
        text = words.get(below) or words.get(name, "")
        properties[name] = found | ({"description": text} if text else {}) | _default(given)
    kept = {"type": "object", "properties": properties, "additionalProperties": False}
    return kept | ({"required": node["required"]} if "required" in node else {})


def _inner(given: JsonSchemaValue, defs: JsonSchemaValue) -> JsonSchemaValue | None:
    """The section that a key holds, where it holds one."""
    for part in (given, *given.get("anyOf", ())):
        if "$ref" in part:
            found: JsonSchemaValue = defs[part["$ref"].rpartition("/")[2]]
            return found
    return None


def _plain(given: JsonSchemaValue) -> JsonSchemaValue:
    """A value's schema; a variable may stand for whatever isn't text."""
    kept = {name: value for name, value in given.items() if name not in {"title", "default", "format", "writeOnly"}}
    if "anyOf" in kept:
        parts = [_plain(part) for part in kept["anyOf"] if part != _NULL]
        # Decimals may be quoted.
        parts = [_QUOTED if part == {"type": "string"} and _is_number(parts[0]) else part for part in parts]
        flat = [inner for part in parts for inner in part.get("anyOf", [part])]
        kept = flat[0] if len(flat) == 1 else {"anyOf": [part for at, part in enumerate(flat) if part not in flat[:at]]}
    if "patternProperties" in kept:
        kept["patternProperties"] = {name: _plain(part) for name, part in kept["patternProperties"].items()}
        kept["additionalProperties"] = False
    if "additionalProperties" in kept and isinstance(kept["additionalProperties"], dict):
        kept["additionalProperties"] = _plain(kept["additionalProperties"])
    strict = kept.get("type") in {"integer", "number", "boolean"} or "enum" in kept or "pattern" in kept
    return {"anyOf": [kept, _VARIABLE]} if strict else kept


def _is_number(schema: JsonSchemaValue) -> bool:
    return any(part.get("type") == "number" for part in schema.get("anyOf", [schema]))


def _optional(schema: JsonSchemaValue) -> JsonSchemaValue:
    """A key with nothing behind it counts as left out."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [part for part in schema["anyOf"] if part != _NULL] + [_NULL]}
    if "type" in schema and "enum" not in schema:
        stated = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        return {**schema, "type": [*dict.fromkeys([*stated, "null"])]}
    return schema


def _default(given: JsonSchemaValue) -> JsonSchemaValue:
    value = given.get("default")
    if given.get("pattern") == _FORMS["_duration"]["pattern"] and value is not None:
        seconds = _seconds(value)
        value = next(f"{seconds // size}{unit}" for size, unit in _UNITS.items() if seconds % size == 0)
    return {} if value is None or isinstance(value, dict | list) else {"default": value}


def _seconds(text: str) -> int:
    """Of an ISO 8601 duration."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", text)
    parts = [int(part or 0) for part in found.groups()] if found is not None else [0]
    return sum(part * size for part, size in zip(parts, _UNITS, strict=True))


# -- words ------------------------------------------------------------------------------------------------------------


def _words() -> dict[str, dict[str, str]]:
    """What docs/configuration.md says of each key, by its headings."""
    found: dict[str, dict[str, str]] = {}
    for part in re.split(r"^## ", WORDS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        title = part.partition("\n")[0].strip()
        rows = re.findall(r"^\| (.*?) \|(?:.*\|)? *([^|]*?) \|$", part, flags=re.MULTILINE)
        found[title] = {
            key: _sentence(text) for names, text in rows for key in re.findall(r"`([\w.]+)`", names) if text.strip("-")
        }
    return found


def _sentence(text: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("°", "").strip()
    return plain[:1].upper() + plain[1:]


if __name__ == "__main__":
    SCHEMA.write_text(render(), encoding="utf-8")
