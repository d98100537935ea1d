"""A connector's manifest: what it says of itself before any of its code runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tajo_pipelines.model.errors import ConfigError, Notice

Ability = Literal["yes", "absent"]
DocumentT = TypeVar("DocumentT", bound="_Document")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamSpec(_Document):
    """One stream as the manifest declares it."""

    name: str
    incremental: bool
    deletes: bool
    realtime: bool


class Capabilities(_Document):
    """What the connector can do beside reading; what it can't is declared absent and refused aloud.

    Attributes:
        merges: Whether `Source.deleted` tells which record took the place of a deleted one.
    """

    bulk: Ability
    webhooks: Ability
    write_back: Ability
    merges: Ability = "absent"


class Scopes(_Document):
    """Permissions at the platform: without the required ones nothing is read."""

    required: tuple[str, ...] = ()
    recommended: tuple[str, ...] = ()


class Manifest(_Document):
    """``manifest.yaml`` of a connector's folder.

    Attributes:
        name: Name of the connector and of its folder.
        title: What people call the platform.
        api_version: The version that is called; None where the platform has none.
        sunset: Last day on which that version is served.
        auth: Ways to log in, the preferred one first.
        config_keys: Keys of a connection that are the connector's own.
        required_keys: Those of them without which it can't be opened.
        secret_names: Key in the configuration -> ending of the environment variable (``api_key: API_KEY`` is read
            from ``<CONNECTION>_API_KEY``).
        required_secrets: Those of them without which it can't be opened.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    category: Literal["ecommerce", "crm", "payments", "custom"]
    api_version: str | None = None
    sunset: date | None = None
    auth: tuple[str, ...]
    streams: tuple[StreamSpec, ...] = Field(min_length=1)
    capabilities: Capabilities
    config_keys: tuple[str, ...] = ()
    required_keys: tuple[str, ...] = ()
    secret_names: Mapping[str, str] = Field(default_factory=dict)
    required_secrets: tuple[str, ...] = ()
    scopes: Scopes = Scopes()

    def stream(self, name: str) -> StreamSpec:
        """A stream's declaration.

        Raises:
            ConfigError: When there is none of this name.
        """
        for spec in self.streams:
            if spec.name == name:
                return spec
        message = f"{self.name} declares no stream {name!r}"
        raise ConfigError(message, code="unknown_stream")


class DefaultAttribute(_Document):
    """One row of a connector's default mapping: canonical field -> Brevo attribute.

    Attributes:
        target: Attribute at Brevo.
        source: Canonical field (``from`` in the file).
        type: Brevo's type of it: ``text``, ``float``, ``boolean``, ``date`` ...
    """

    target: str
    source: str = Field(alias="from")
    type: str


class MappingFile(_Document):
    """``mapping.yaml`` of a connector's folder.

    Attributes:
        canonical: Per stream, canonical field -> JMESPath into the raw object.
        attributes: Canonical customer -> Brevo's attributes, used where the user's mapping says nothing.
    """

    canonical: Mapping[str, Mapping[str, str]]
    attributes: tuple[DefaultAttribute, ...] = ()


def parse_manifest(text: str, where: str) -> Manifest:
    """A manifest from its YAML.

    Raises:
        ConfigError: With every finding, each with its key.
    """
    return _parse(Manifest, text, where)


def parse_mapping(text: str, where: str) -> MappingFile:
    """A connector's mapping file from its YAML.

    Raises:
        ConfigError: With every finding, each with its key.
    """
    return _parse(MappingFile, text, where)


def _parse(kind: type[DocumentT], text: str, where: str) -> DocumentT:
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigError("the file isn't YAML", code="invalid_yaml", where=f"{where}{line}") from error
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        found = [
            Notice(str(item["type"]), str(item["msg"]), f"{where} {'.'.join(str(part) for part in item['loc'])}")
            for item in error.errors(include_input=False, include_url=False)
        ]
        sentence = "; ".join(f"{notice.where}: {notice.message}" for notice in found)
        raise ConfigError(sentence, code="invalid_manifest", details=found) from error
