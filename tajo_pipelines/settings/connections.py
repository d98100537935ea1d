"""Reads ``connectors``: one connection each."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from tajo_pipelines.brevo.places import is_loopback
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.sdk.manifest import Manifest
from tajo_pipelines.settings.cron import cron_of
from tajo_pipelines.settings.environment import Variables
from tajo_pipelines.settings.field_mapping import merge, read_field_mapping
from tajo_pipelines.settings.findings import Findings, KeyPath, shown, suggestion
from tajo_pipelines.settings.objects import Connection, FieldRule, Lists, env_prefix, secret_variable
from tajo_pipelines.settings.schema import ConnectionSection, key_names
from tajo_pipelines.settings.streams import read_streams
from tajo_pipelines.settings.validation import report_unknown, require_mapping, validate
from tajo_pipelines.settings.variables import Filled, Missing, fill
from tajo_pipelines.settings.yaml_source import Scalar, Tree

OWN_READERS = ("sync", "field_mapping")
"""Keys of every connection that aren't in its model."""
RESERVED_NAMES = frozenset({"brevo", "skills", "tajo"})
"""Taken by Brevo's own webhooks, the skills' assets and the project's variables."""

SELECTED = "TAJO_CONNECTIONS"
"""The variable that limits which connections there are; blank, there are all."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


class Manifests(Protocol):
    """Where connectors are found: the registry, or a test's own."""

    def connector_names(self) -> Collection[str]:
        """All names."""

    def manifest(self, name: str, /) -> Manifest:
        """One of them."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a connection is read against.

    Attributes:
        account_names: Accounts that it may feed.
        default_rules: The field mapping of all connections.
        selected: Connections that ``TAJO_CONNECTIONS`` lets through.
        require_secrets: Whether a missing variable of an enabled connection is an error or a warning.
    """

    findings: Findings
    variables: Variables
    manifests: Manifests
    account_names: Collection[str]
    default_rules: tuple[FieldRule, ...]
    selected: Collection[str]
    require_secrets: bool

    def report_missing(self, missing: Missing, *, also: str | None = None, needed: bool = True) -> None:
        """Records a variable that isn't set.

        Args:
            missing: Which, and where it is named.
            also: Another variable that would do.
            needed: Whether the connection can't do without it.
        """
        other = f" or {also}" if also and also != missing.name else ""
        state = "is blank" if self.variables.is_blank(missing.name) else "isn't set"
        message = f"{missing.name} {state}; set {missing.name}{other} in the environment or in .env"
        report = self.findings.error if needed and self.require_secrets else self.findings.warn
        report("missing_variable", missing.path, message)


def check_names(names: Collection[str], findings: Findings) -> None:
    """Checks that each name can be a route, an asset, a job and the start of a variable, and that none collide."""
    seen: dict[str, str] = {}
    for name in names:
        path = ("connectors", name)
        if not _NAME.fullmatch(name):
            message = f"{shown(name)} isn't a connection's name: lower-case letters and digits, parted by - or _"
            findings.error("invalid_name", path, message)
        elif name in RESERVED_NAMES:
            findings.error("invalid_name", path, f"{name!r} is taken; give the connection another name")
        other = seen.setdefault(env_prefix(name), name)
        if other != name:
            message = f"{name!r} and {other!r} would read the same variables {env_prefix(name)}_...; rename one"
            findings.error("name_clash", path, message)


def read_connection(name: str, tree: Tree, around: Surroundings) -> Connection | None:
    """Reads one connection.

    Args:
        name: Its name.
        tree: What stands under it.
        around: What it is read against; its findings take what is wrong.

    Returns:
        The connection, or None if it can't be told what it is.
    """
    path: KeyPath = ("connectors", name)
    findings = around.findings
    if tree is None:
        findings.error("invalid_value", path, "has nothing under it; is the indentation lost?")
        return None
    if require_mapping(tree, path, findings) is None:
        return None
    filled = fill(tree, path, around.variables, findings)
    common = set(key_names(ConnectionSection))
    own = {key: value for key, value in filled.tree.items() if key in common}
    section = validate(ConnectionSection, own, path, findings) or ConnectionSection()
    if section.account not in around.account_names:
        message = f"unknown account {section.account!r}{suggestion(section.account, around.account_names)}"
        findings.error("unknown_account", (*path, "account"), message)
    manifest = _manifest(name, section, around)
    if manifest is None:
        return None
    _check_keys(tree, path, manifest, findings)
    active = section.enabled and name in around.selected
    if active:
        _report_missing(path, filled, manifest, around)
    return _connection(name, filled, section, manifest, around, active=active)


def _connection(
    name: str, filled: Filled, section: ConnectionSection, manifest: Manifest, around: Surroundings, *, active: bool
) -> Connection:
    path: KeyPath = ("connectors", name)
    findings = around.findings
    has = [stream.name for stream in manifest.streams]
    streams = read_streams(filled.tree.get("sync"), section, name, has, findings)
    rules = read_field_mapping(filled.tree.get("field_mapping"), (*path, "field_mapping"), findings)
    variables = {key: secret_variable(name, ending) for key, ending in manifest.secret_names.items()}
    return Connection(
        name=name,
        connector=section.connector or name,
        account=section.account,
        enabled=section.enabled,
        mode=section.mode,
        schedule=cron_of(section.schedule, name),
        schedule_word=section.schedule,
        start_date=section.start_date,
        streams=MappingProxyType(streams.present),
        absent_streams=streams.absent,
        field_mapping=merge(around.default_rules, rules),
        region=section.region,
        on_delete=section.on_delete,
        opt_in=section.opt_in,
        lists=Lists(section.lists.all_contacts, section.lists.subscribers),
        secrets=MappingProxyType(_read_secrets(name, filled, section, manifest, around, active=active)),
        secret_variables=MappingProxyType(variables),
        base_url=section.base_url,
        options=MappingProxyType(_options(filled, manifest)),
        line=findings.line(path),
        where=findings.where(path),
    )


def _manifest(name: str, section: ConnectionSection, around: Surroundings) -> Manifest | None:
    connector = section.connector or name
    known = around.manifests.connector_names()
    path: KeyPath = ("connectors", name, "connector") if section.connector else ("connectors", name)
    if connector in known:
        try:
            return around.manifests.manifest(connector)
        except ConfigError as error:
            around.findings.error(error.code, path, f"the connector {connector!r} can't be used: {error}")
            return None
    hint = suggestion(connector, known)
    if not section.connector:
        hint += "; a connection with another name than its connector's needs the key 'connector'"
    around.findings.error("unknown_connector", path, f"unknown connector {connector!r}{hint}")
    return None


def _check_keys(tree: dict[str, Tree], path: KeyPath, manifest: Manifest, findings: Findings) -> None:
    known = [*key_names(ConnectionSection), *OWN_READERS, *manifest.config_keys, *manifest.secret_names]
    for key in tree:
        if key not in known:
            report_unknown(key, (*path, key), list(dict.fromkeys(known)), findings)


def _options(filled: Filled, manifest: Manifest) -> dict[str, Any]:
    taken = {*key_names(ConnectionSection), *OWN_READERS, *manifest.secret_names}
    return {
        key: _plain(filled.tree[key])
        for key in manifest.config_keys
        if key not in taken and filled.tree.get(key) is not None
    }


def _plain(tree: Tree) -> Any:
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    return tree.plain if isinstance(tree, Scalar) else tree


def _report_missing(path: KeyPath, filled: Filled, manifest: Manifest, around: Surroundings) -> None:
    """Records what an enabled connection lacks beside secrets."""
    for missing in filled.missing:
        if missing.path[len(path)] not in manifest.secret_names:
            around.report_missing(missing)
    unset = {missing.path[len(path)] for missing in filled.missing}
    for key in manifest.required_keys:
        if filled.tree.get(key) is None and key not in unset:
            around.findings.error("missing_key", path, f"{key!r} is missing; an enabled connection needs it")


def _read_secrets(
    name: str, filled: Filled, section: ConnectionSection, manifest: Manifest, around: Surroundings, *, active: bool
) -> dict[str, SecretStr]:
    secrets: dict[str, SecretStr] = {}
    local = section.base_url is not None and is_loopback(urlsplit(section.base_url).hostname or "")
    for key, ending in manifest.secret_names.items():
        path: KeyPath = ("connectors", name, key)
        variable = secret_variable(name, ending)
        tree = filled.tree.get(key)
        value = read_secret(tree, path, around.findings, warn=not local, variable=variable)
        from_environment = around.variables.get(variable)
        if value is not None:
            secrets[key] = value
        elif from_environment is not None:
            secrets[key] = SecretStr(from_environment)
        elif active and tree is None:
            _report_secret(key, path, variable, filled, manifest, around)
    return secrets


def _report_secret(
    key: str, path: KeyPath, variable: str, filled: Filled, manifest: Manifest, around: Surroundings
) -> None:
    """Records that an enabled connection's secret is nowhere; one that it can do without is a warning at most."""
    required = key in manifest.required_secrets
    missing = next((entry for entry in filled.missing if entry.path == path), None)
    if missing is not None:
        around.report_missing(missing, also=variable, needed=required)
    elif around.variables.is_blank(variable):
        message = "is blank: a secret that says nothing protects nothing; give it a value or remove it"
        around.findings.error_at("blank_secret", around.variables.where(variable), message)
    elif required:
        around.report_missing(Missing(path, variable), needed=True)


def read_secret(tree: Tree, path: KeyPath, findings: Findings, *, warn: bool, variable: str) -> SecretStr | None:
    """Reads one secret from the file.

    Args:
        tree: What stands there, variables put in.
        path: Where.
        findings: Takes what is wrong, and the warning where it stands in clear.
        warn: Whether to warn; not for stand-ins on loopback, whose keys open nothing.
        variable: The variable that should hold it.
    """
    if tree is None:
        return None
    if not isinstance(tree, Scalar):
        findings.error("invalid_value", path, f"isn't text; found {shown(tree)}")
        return None
    if not tree.strip():
        findings.error("blank_secret", path, f"is blank; write ${{{variable}}} or leave it out")
        return None
    if warn and not tree.from_environment:
        message = f"a secret stands in the file; move it to {variable} in .env and write ${{{variable}}} here"
        findings.warn("secret_in_yaml", path, message)
    return SecretStr(str(tree))
