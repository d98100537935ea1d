"""Reads a project's configuration and environment into `Settings`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings import environment
from tajo_pipelines.settings.accounts import find_accounts, read_account
from tajo_pipelines.settings.connections import SELECTED, Manifests, Surroundings, check_names, read_connection
from tajo_pipelines.settings.environment import Variables
from tajo_pipelines.settings.field_mapping import read_field_mapping
from tajo_pipelines.settings.findings import Findings, KeyPath, suggestion
from tajo_pipelines.settings.objects import DEFAULT_ACCOUNT, Account, Connection, Settings
from tajo_pipelines.settings.schema import AccountSection, ConnectionSection, key_names
from tajo_pipelines.settings.streams import KNOWN_STREAMS
from tajo_pipelines.settings.validation import report_unknown, require_mapping
from tajo_pipelines.settings.variables import fill
from tajo_pipelines.settings.yaml_source import Scalar, Tree, read_yaml

TOP_KEYS = ("brevo", "accounts", "connectors", "field_mapping")


def load_settings(
    project_dir: Path,
    environ: Mapping[str, str] | None = None,
    *,
    manifests: Manifests | None = None,
    require_secrets: bool = True,
    text: str | None = None,
) -> Settings:
    """Reads ``config/connectors.yaml``, ``.env`` and the environment of a project.

    Args:
        project_dir: The folder of workspace.yaml.
        environ: The process's environment; by default the real one. It wins over ``.env``.
        manifests: Where connectors are found; by default the registry.
        require_secrets: Whether a variable that an enabled connection needs and that isn't set is an error; False
            makes it a warning, for commands that only look.
        text: What to read in the file's place: what is about to be written there.

    Raises:
        ConfigError: Everything that is wrong, at once; the single findings are in ``details``, each with its place.
    """
    root = Path(project_dir).absolute()
    early = Findings("")
    variables = environment.read_variables(root, os.environ if environ is None else environ, early)
    file = environment.read_config_file(root, variables)
    name = _known_as(file, root)
    source = read_yaml(_read_text(file, name, variables) if text is None else text)
    findings = Findings(name, source.lines)
    findings.adopt(early)
    for problem in source.problems:
        findings.problem(problem)
    if source.tree is None and source.problems:
        findings.raise_if_any()
    reader = _Reader(findings, variables, manifests or _registry())
    settings = reader.read(
        require_mapping(source.tree, (), findings) or {}, root, file, require_secrets=require_secrets
    )
    findings.raise_if_any()
    return settings


def read_config_text(project_dir: Path, environ: Mapping[str, str]) -> tuple[Path, str]:
    """Where the configuration is, and what stands there.

    Raises:
        ConfigError: There is no such file, or it can't be read.
    """
    root = Path(project_dir).absolute()
    findings = Findings("")
    variables = environment.read_variables(root, environ, findings)
    findings.raise_if_any()
    file = environment.read_config_file(root, variables)
    return file, _read_text(file, _known_as(file, root), variables)


def _known_as(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)


def _registry() -> Manifests:
    from tajo_pipelines.sdk import registry  # tests pass their own manifests

    return registry


def _read_text(file: Path, name: str, variables: Variables) -> str:
    named = variables.get("TAJO_CONFIG") is not None
    where = variables.where("TAJO_CONFIG") if named else name
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        hint = "correct TAJO_CONFIG" if named else "run from the folder of workspace.yaml, or name it with --project"
        raise ConfigError(f"there is no file {file}", code="config_not_found", where=where, hint=hint) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("isn't UTF-8 text", code="config_unreadable", where=f"{name}:{line}") from error
    except OSError as error:
        message = f"can't be read: {error.strerror or type(error).__name__}"
        raise ConfigError(message, code="config_unreadable", where=where) from error


class _Reader:
    """Reads the sections in the order in which they depend on each other."""

    def __init__(self, findings: Findings, variables: Variables, manifests: Manifests) -> None:
        self._findings = findings
        self._variables = variables
        self._manifests = manifests

    def read(self, tree: dict[str, Tree], root: Path, file: Path, *, require_secrets: bool) -> Settings:
        findings, variables = self._findings, self._variables
        home = environment.read_home(root, variables)
        self._check_top_keys(tree)
        sections = require_mapping(tree.get("connectors"), ("connectors",), findings) or {}
        check_names(sections, findings)
        places = find_accounts(tree, findings)
        default = fill(tree.get("field_mapping"), ("field_mapping",), variables, findings)
        around = Surroundings(
            findings=findings,
            variables=variables,
            manifests=self._manifests,
            account_names=tuple(places),
            default_rules=read_field_mapping(default.tree, ("field_mapping",), findings),
            selected=self._selected(sections),
            require_secrets=require_secrets,
        )
        read = {name: read_connection(name, section, around) for name, section in sections.items()}
        connections = {name: connection for name, connection in read.items() if connection and name in around.selected}
        if any(connection.enabled for connection in connections.values()):
            for missing in default.missing:
                around.report_missing(missing)
        feeds = {name: found.account if found else _account_of(sections[name]) for name, found in read.items()}
        return Settings(
            project_dir=root,
            home=home,
            database_url=environment.read_database_url(root, home, variables, findings),
            storage=environment.read_storage(root, home, variables),
            secret_key=environment.read_secret_key(variables, findings),
            connections=MappingProxyType(connections),
            known_connections=tuple(sections),
            accounts=MappingProxyType(_accounts(places, feeds, connections, around)),
            field_mapping=around.default_rules,
            config_file=file,
            warnings=tuple(findings.warnings),
        )

    def _check_top_keys(self, tree: dict[str, Tree]) -> None:
        for key in tree:
            if key not in TOP_KEYS:
                report_unknown(key, (key,), list(TOP_KEYS), self._findings, self._home_of(key))

    def _home_of(self, key: str) -> str:
        """Where a key that stands at the top belongs; a block copied without its indentation is all such keys."""
        names = self._manifests.connector_names()
        manifests = [self._manifests.manifest(name) for name in names]
        own = {key for manifest in manifests for key in (*manifest.config_keys, *manifest.secret_names)}
        if key in {*names, *own, *key_names(ConnectionSection), *KNOWN_STREAMS, "sync"}:
            return " at the top; it belongs under 'connectors', is the indentation lost?"
        if key in key_names(AccountSection):
            return " at the top; it belongs under 'brevo', is the indentation lost?"
        return ""

    def _selected(self, sections: dict[str, Tree]) -> tuple[str, ...]:
        """The connections that ``TAJO_CONNECTIONS`` lets through; all where it says nothing."""
        value = self._variables.get(SELECTED)
        if value is None:
            return tuple(sections)
        where = self._variables.where(SELECTED)
        patterns = [pattern.strip() for pattern in value.split(",") if pattern.strip()]
        for pattern in patterns:
            if any(fnmatchcase(name, pattern) for name in sections):
                continue
            if any(mark in pattern for mark in "*?["):
                self._findings.warn_at("unknown_connection", where, f"no connection matches {pattern!r}")
            else:
                message = f"there is no connection {pattern!r}{suggestion(pattern, sections)}"
                self._findings.error_at("unknown_connection", where, message)
        return tuple(name for name in sections if any(fnmatchcase(name, pattern) for pattern in patterns))


def _accounts(
    places: dict[str, tuple[KeyPath, Tree]],
    feeds: dict[str, str],
    connections: dict[str, Connection],
    around: Surroundings,
) -> dict[str, Account]:
    needed: dict[str, KeyPath] = {}
    for connection in connections.values():
        if connection.enabled:
            needed.setdefault(connection.account, ("connectors", connection.name))
    return {
        name: read_account(name, path, tree, around, feeds, needed.get(name)) for name, (path, tree) in places.items()
    }


def _account_of(section: Tree) -> str:
    account = section.get("account") if isinstance(section, dict) else None
    return str(account) if isinstance(account, Scalar) else DEFAULT_ACCOUNT
