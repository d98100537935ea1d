"""Options of ``connectors connect``: one for each key that a connector's manifest names, found without its code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, get_type_hints

import typer

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.manifest import Manifest

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])


@dataclass(slots=True)
class _Key:
    """A key that connectors know.

    Attributes:
        titles: Of those connectors.
        secret: Whether it is a secret to one of them.
    """

    titles: list[str] = field(default_factory=list)
    secret: bool = False


def option_of(key: str) -> str:
    """A key as an option: ``shop_url`` is ``--shop-url``."""
    return f"--{key.replace('_', '-')}"


def with_connector_options(function: FunctionT) -> FunctionT:
    """Give a command an option for each key of each connector, in the place of its ``**values``."""
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())
    taken = {parameter.name for parameter in own}
    rest = next(parameter for parameter in own if parameter.kind is inspect.Parameter.VAR_KEYWORD)
    added = {key: _annotation(key, found) for key, found in _keys().items() if key not in taken}
    parameters = [parameter for parameter in own if parameter is not rest]
    parameters += [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for key, annotation in added.items()
    ]
    hints.pop(rest.name)
    function.__annotations__ = hints | added
    signature = inspect.Signature(parameters)
    function.__signature__ = signature  # type: ignore[attr-defined]  # how inspect is told of a function's parameters
    return function


def _annotation(key: str, found: _Key) -> object:
    titles = ", ".join(found.titles)
    if found.secret:
        text = f"{titles}: a secret; left out, it comes from the environment or is asked for."
        option = typer.Option(option_of(key), metavar="SECRET", help=text)
    else:
        option = typer.Option(option_of(key), metavar="VALUE", help=f"{titles}: {key} of the configuration.")
    return Annotated[str | None, option]


def _keys() -> dict[str, _Key]:
    keys: dict[str, _Key] = {}
    for manifest in _manifests():
        for key in (*manifest.required_keys, *manifest.secret_names, *manifest.config_keys):
            found = keys.setdefault(key, _Key())
            found.secret |= key in manifest.secret_names
            if manifest.title not in found.titles:
                found.titles.append(manifest.title)
    return keys


def _manifests() -> list[Manifest]:
    found = []
    for name in registry.connector_names():
        try:
            found.append(registry.manifest(name))
        except ConfigError:
            # A foreign connector's broken manifest is told where it is named; it mustn't take every command with it.
            continue
    return found
