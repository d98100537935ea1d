"""JMESPath over raw payloads, compiled once, with numbers exact.

Raw payloads hold their numbers as int and Decimal. The jmespath library takes neither Decimal for a number nor reads
the literals of an expression exactly; here both are done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from jmespath import functions, parser, visitor
from jmespath.exceptions import JMESPathError

from tajo_pipelines.mapping.values import UnfitValue, as_number
from tajo_pipelines.model.errors import ConfigError

_encode = msgspec.json.Encoder(decimal_format="number").encode


class _ExactFunctions(functions.Functions):
    """JMESPath's built-in functions, to which a Decimal is a number like any other."""

    def _get_allowed_pytypes(self, types: list[str]) -> tuple[list[str], list[tuple[str, ...]]]:
        # The library (1.0 and 1.1) goes by type names from this method and knows no Decimal.
        whole: list[str] = []
        elements: list[tuple[str, ...]] = []
        for name in types:
            outer, dash, inner = name.partition("-")
            whole.extend(_python_types(outer))
            if dash:
                elements.append(_python_types(inner))
        return whole, elements

    def _convert_to_jmespath_type(self, pyobject: str) -> str:
        return "number" if pyobject == "Decimal" else functions.TYPES_MAP.get(pyobject, "unknown")

    @functions.signature({"types": []})
    def _func_to_number(self, arg: Any) -> int | Decimal | None:
        if isinstance(arg, int) and not isinstance(arg, bool):
            return arg
        try:
            return as_number(arg)
        except UnfitValue:
            return None

    @functions.signature({"types": []})
    def _func_to_string(self, arg: Any) -> str:
        if isinstance(arg, Decimal):
            return format(as_number(arg), "f")
        return arg if isinstance(arg, str) else _encode(arg).decode()

    @functions.signature({"types": []})
    def _func_type(self, arg: Any) -> str:
        return self._convert_to_jmespath_type(type(arg).__name__)


def _python_types(name: str) -> tuple[str, ...]:
    known: Any = functions.REVERSE_TYPES_MAP[name]
    return (*known, "Decimal") if name == "number" else tuple(known)


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [_exact(element) for element in value]
    if isinstance(value, dict):
        return {key: _exact(element) for key, element in value.items()}
    return value


def _prepare(node: Any) -> Any:
    """A copy of a syntax tree (the library shares its own) with exact literals and checked calls."""
    if not isinstance(node, dict):
        return node
    if node["type"] == "literal":
        return {**node, "value": _exact(node["value"])}
    if node["type"] == "function_expression":
        _check_call(node["value"], len(node["children"]))
    return {**node, "children": [_prepare(child) for child in node["children"]]}


def _check_call(name: str, given: int) -> None:
    entry = _ExactFunctions.FUNCTION_TABLE.get(name)
    if entry is None:
        message = f"there is no function {name}()"
        raise ValueError(message)
    wanted = entry["signature"]
    variadic = bool(wanted and wanted[-1].get("variadic"))
    if given < len(wanted) or (given > len(wanted) and not variadic):
        message = f"{name}() takes {len(wanted)}{' or more' if variadic else ''}, not {given}"
        raise ValueError(message)


def _chain(node: Any) -> list[str] | None:
    """The names of an expression that is nothing but fields (``a.b.c``), else None."""
    if node["type"] == "field":
        return [node["value"]]
    if node["type"] != "subexpression":
        return None
    names: list[str] = []
    for child in node["children"]:
        found = _chain(child)
        if found is None:
            return None
        names.extend(found)
    return names


def _follow(names: list[str]) -> Callable[[Mapping[str, Any]], Any]:
    def read(raw: Mapping[str, Any]) -> Any:
        value: Any = raw
        for name in names:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value

    return read


def compile_expression(expression: str, where: str = "") -> Callable[[Mapping[str, Any]], Any]:
    """The function that reads an expression from a payload; None where the payload doesn't have it.

    The function raises `UnfitValue` where the payload isn't of the kind that the expression works on.

    Args:
        expression: JMESPath.
        where: Place of the rule.

    Raises:
        ConfigError: ``bad_expression``.
    """
    try:
        tree = _prepare(parser.Parser().parse(expression).parsed)
    except ValueError as error:  # JMESPathError is one
        reason = str(error).splitlines()[0].rstrip(":")
        message = f"{expression!r} is no JMESPath expression: {reason}"
        raise ConfigError(message, code="bad_expression", where=where) from None
    names = _chain(tree)
    if names is not None:
        return _follow(names)
    interpreter = visitor.TreeInterpreter(visitor.Options(custom_functions=_ExactFunctions()))

    def read(raw: Mapping[str, Any]) -> Any:
        try:
            return interpreter.visit(tree, raw)
        except (JMESPathError, ValueError, TypeError, ArithmeticError):
            # The library's own sentence quotes the value, which may be personal.
            raise UnfitValue("isn't of the kind that the expression works on") from None

    return read
