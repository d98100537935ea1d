"""Finds connectors: the built-in folders, and foreign ones behind an entry point.

Nothing of a connector's code runs before `load`: names and manifests come from files alone.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.metadata import entry_points
from importlib.resources.abc import Traversable
from typing import Literal

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk.connector import Connector
from tajo_pipelines.sdk.manifest import DefaultAttribute, Manifest, MappingFile, parse_manifest, parse_mapping

GROUP = "tajo_pipelines.connectors"
"""Entry point group of foreign connectors, and the package of the built-in ones."""

MANIFEST = "manifest.yaml"
MAPPING = "mapping.yaml"


@dataclass(frozen=True, slots=True)
class Found:
    """Where a connector is.

    Attributes:
        module: Its package: ``tajo_pipelines.connectors.shopify``.
        origin: Who brought it.
    """

    name: str
    module: str
    origin: Literal["builtin", "entry_point"]

    @property
    def folder(self) -> Traversable:
        """Its files."""
        return resources.files(self.module)


def connector_names() -> tuple[str, ...]:
    """Names of all connectors that are installed, sorted."""
    return tuple(sorted(_all()))


def find(name: str) -> Found:
    """Where a connector is.

    Raises:
        ConfigError: ``unknown_connector``, with the nearest name there is.
    """
    known = _all()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(sorted(known)) or 'none'}"
    message = f"there is no connector {name!r}"
    raise ConfigError(message, code="unknown_connector", hint=hint)


@lru_cache(maxsize=256)
def manifest(name: str) -> Manifest:
    """A connector's manifest.

    Raises:
        ConfigError: No such connector, or its manifest is wrong.
    """
    found = find(name)
    document = parse_manifest(_text(found, MANIFEST), f"{found.name}/{MANIFEST}")
    if document.name != name:
        message = f"the manifest calls itself {document.name!r}, its folder {name!r}"
        raise ConfigError(message, code="invalid_manifest", where=f"{name}/{MANIFEST}")
    return document


@lru_cache(maxsize=256)
def mapping_file(name: str) -> MappingFile:
    """A connector's own mapping.

    Raises:
        ConfigError: No such connector, or its mapping is wrong.
    """
    found = find(name)
    return parse_mapping(_text(found, MAPPING), f"{found.name}/{MAPPING}")


def default_attributes(name: str) -> tuple[DefaultAttribute, ...]:
    """Canonical customer -> Brevo's attributes, as the connector proposes it.

    Raises:
        ConfigError: No such connector, or its mapping is wrong.
    """
    return mapping_file(name).attributes


def load(name: str) -> Connector:
    """The connector itself; runs its code.

    Raises:
        ConfigError: No such connector, or its package exports no ``CONNECTOR``.
    """
    found = find(name)
    connector = getattr(importlib.import_module(found.module), "CONNECTOR", None)
    if not isinstance(connector, Connector):
        message = f"{found.module} exports no CONNECTOR"
        raise ConfigError(message, code="invalid_connector")
    return connector


@lru_cache(maxsize=1)
def _all() -> dict[str, Found]:
    found = {
        folder.name: Found(folder.name, f"{GROUP}.{folder.name}", "builtin")
        for folder in resources.files(GROUP).iterdir()
        if folder.is_dir() and (folder / MANIFEST).is_file()
    }
    for point in entry_points(group=GROUP):
        if point.name in found:
            message = f"two connectors are called {point.name!r}: {found[point.name].module} and {point.module}"
            raise ConfigError(message, code="ambiguous_connector")
        found[point.name] = Found(point.name, point.module, "entry_point")
    return found


def _text(found: Found, name: str) -> str:
    file = found.folder / name
    if not file.is_file():
        message = f"the connector has no {name}"
        raise ConfigError(message, code="invalid_connector", where=found.name)
    return file.read_text(encoding="utf-8")
