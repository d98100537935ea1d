"""Changes a project's ``.env``: the lines named, and no other."""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings.files import PRIVATE, replace_file

NAME = ".env"

_PLAIN = re.compile(r"[A-Za-z0-9_./+=:@%,~-]+")
"""Values that mean the same with and without quotes, to us and to a shell."""
_EXPORT = re.compile(r"\s*export\s")


def read_env_file(project_dir: Path) -> str:
    """The text of ``.env``; empty where there is none.

    Raises:
        ConfigError: It can't be read.
    """
    try:
        with (project_dir / NAME).open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        message = f"can't be read: {type(error).__name__}"
        raise ConfigError(message, code="env_unreadable", where=NAME) from error


def env_values(text: str) -> dict[str, str]:
    """What a ``.env`` says, the last line of a name for all."""
    found = [(binding.key, binding.value) for binding in _bindings(text)]
    return {name: value for name, value in found if name is not None and value is not None}


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The text with these variables: a line that says otherwise is replaced in its place, new ones go to the end."""
    known = env_values(text)
    wanted = {name: value for name, value in values.items() if known.get(name) != value}
    end = "\r\n" if "\r\n" in text else "\n"
    last = {binding.key: index for index, binding in enumerate(_bindings(text)) if binding.key in wanted}
    parts = []
    for index, binding in enumerate(_bindings(text)):
        if binding.key is not None and last.get(binding.key) == index:
            parts.append(_replaced(binding, wanted.pop(binding.key)))
        else:
            parts.append(binding.original.string)
    before = "".join(parts)
    if wanted and before and not before.endswith(("\n", "\r")):
        before += end
    return before + "".join(f"{name}={quoted(value)}{end}" for name, value in wanted.items())


def without(text: str, names: Collection[str]) -> str:
    """The text without the lines of these variables."""
    return "".join(
        _blank_lines_before(binding) if binding.key in names and not binding.error else binding.original.string
        for binding in _bindings(text)
    )


def write_env_file(project_dir: Path, text: str) -> bool:
    """Write ``.env``, for its owner's eyes alone; whether anything had to be done.

    Raises:
        ConfigError: It can't be written.
    """
    path = project_dir / NAME
    if path.exists() and text == read_env_file(project_dir) and stat.S_IMODE(path.stat().st_mode) == PRIVATE:
        return False
    replace_file(path, text, mode=PRIVATE)
    return True


def quoted(value: str) -> str:
    """A value as it is read back unchanged."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _bindings(text: str) -> list[Binding]:
    return list(parse_stream(io.StringIO(text)))


def _blank_lines_before(binding: Binding) -> str:
    text = binding.original.string
    return text[: len(text) - len(text.lstrip("\r\n"))]


def _replaced(binding: Binding, value: str) -> str:
    old = binding.original.string
    before = _blank_lines_before(binding)
    export = "export " if _EXPORT.match(old) else ""
    end = "\r\n" if old.endswith("\r\n") else "\n"
    return f"{before}{export}{binding.key}={quoted(value)}{end}"
