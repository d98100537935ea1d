"""Collects everything that is wrong with a configuration, so that a person sees it all at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from tajo_pipelines.model.errors import ConfigError, Notice
from tajo_pipelines.settings.yaml_source import Scalar, SourceProblem

KeyPath: TypeAlias = tuple[str | int, ...]

_SHOWN = 60
_FEW = 8
_CREDENTIAL = re.compile(r"(shp[a-z]{2}_|xkeysib-|xsmtpsib-|[sr]k_(live|test)_|whsec_).*")
_USER = re.compile(r"://\S*@")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a person most likely meant, or None.

    Case and the choice between ``-`` and ``_`` don't count.
    """
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence: the nearest name if there is one."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def suggestion(name: str, known: Iterable[str]) -> str:
    """The rest of a sentence: the nearest name, and the valid ones while they are few or none is near."""
    names = list(known)
    near = did_you_mean(name, names)
    if not names or (near and len(names) > _FEW):
        return near
    listed = ", ".join(names)
    return f"{near} Valid: {listed}" if near else f"; valid: {listed}"


def shown(value: object) -> str:
    """A found value as it may be printed: short, without credentials, never the content of a variable."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, Scalar) and value.from_environment:
        return f"the value of {value.raw}"
    text = _CREDENTIAL.sub(r"\1***", _USER.sub("://***@", str(value)))
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


class Findings:
    """Errors and warnings of one configuration, each with its place.

    Args:
        file: The configuration's name as a person knows it, the first word of every place.
        lines: Line of each key path in it.
    """

    def __init__(self, file: str, lines: Mapping[KeyPath, int] | None = None) -> None:
        self.file = file
        self.lines: Mapping[KeyPath, int] = lines or {}
        self._errors: list[tuple[int, Notice]] = []
        self.warnings: list[Notice] = []

    def line(self, path: KeyPath) -> int:
        """The line of a key path, or of the nearest thing around it."""
        for end in range(len(path), 0, -1):
            found = self.lines.get(path[:end])
            if found is not None:
                return found
        return 1

    def where(self, path: KeyPath) -> str:
        """``file:line key.path``."""
        place = f"{self.file}:{self.line(path)}"
        return f"{place} {'.'.join(str(part) for part in path)}" if path else place

    def error(self, code: str, path: KeyPath, message: str) -> None:
        """Records that something at a key path is wrong."""
        self._errors.append((self.line(path), Notice(code, message, self.where(path))))

    def error_in(self, line: int, code: str, where: str, message: str) -> None:
        """Records what another package found at a place of this file."""
        self._errors.append((line, Notice(code, message, where)))

    def error_at(self, code: str, where: str, message: str) -> None:
        """Records, once, that something outside of the file is wrong: a variable, a file that isn't there."""
        entry = (0, Notice(code, message, where))
        if entry not in self._errors:
            self._errors.append(entry)

    def problem(self, problem: SourceProblem) -> None:
        """Records what keeps the file, or a part of it, from being read."""
        place = f"{self.file}:{problem.line}"
        where = f"{place} {'.'.join(str(part) for part in problem.path)}" if problem.path else place
        self._errors.append((problem.line, Notice(problem.code, problem.message, where)))

    def adopt(self, earlier: Findings) -> None:
        """Takes over what was found before the file was known."""
        self._errors += earlier._errors
        self.warnings += earlier.warnings

    def warn(self, code: str, path: KeyPath, message: str) -> None:
        """Records something at a key path that a person should know."""
        self.warnings.append(Notice(code, message, self.where(path)))

    def warn_at(self, code: str, where: str, message: str) -> None:
        """Records something outside of the file that a person should know."""
        self.warnings.append(Notice(code, message, where))

    def raise_if_any(self) -> None:
        """Raises all errors as one.

        Raises:
            ConfigError: With the single findings in ``details``, in the order of the file.
        """
        if not self._errors:
            return
        details = [notice for _, notice in sorted(self._errors, key=lambda pair: pair[0])]
        if len(details) == 1:
            only = details[0]
            raise ConfigError(only.message, code=only.code, where=only.where, details=details)
        listed = "".join(f"\n  {notice.where}: {notice.message}" for notice in details)
        raise ConfigError(
            f"{len(details)} things are wrong:{listed}", code="config_invalid", where=self.file, details=details
        )
