"""``tajo connectors connect``: a look at the platform first, then configuration and secrets, each where it belongs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import closing

from rich.console import Console

from tajo_pipelines.cli.connector_options import option_of
from tajo_pipelines.cli.documents import Document, UsageError
from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.cli.new_connection import SECRET_KEY, ConnectOptions, NewConnection
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import SourceInfo
from tajo_pipelines.settings import Connection, Settings
from tajo_pipelines.settings.connections import check_names
from tajo_pipelines.settings.env_file import write_env_file
from tajo_pipelines.settings.environment import read_variables
from tajo_pipelines.settings.findings import Findings, shown
from tajo_pipelines.settings.loader import read_config_text
from tajo_pipelines.settings.writing import connection_tree, write_config
from tajo_pipelines.settings.yaml_source import Tree, read_yaml
from tajo_pipelines.sync.workspace import Workspace


def connect(session: Session, options: ConnectOptions) -> Outcome:
    """Look at the platform, then write down how it is reached; nothing is written where the look fails.

    Raises:
        UsageError: The command line is wrong, or a secret is missing.
        AuthError: The platform refuses the credentials, or they lack a permission.
        ConfigError: The configuration, or the address, is wrong.
        RetryableError: The platform can't be reached.
    """
    session.body["connection"] = options.name
    connecting = _begin(session, options)
    session.body["connector"] = connecting.manifest.name
    connecting.look_for_secrets()
    text, settings = connecting.tried()
    session.adopt(settings)
    connection = settings.connection(options.name)
    session.body["account"] = connection.account
    info = _look(session, settings, connection)
    env, lines = connecting.written_env()
    # The secrets first: a configuration that names what is nowhere would be worse than a line too many in .env.
    changed = write_env_file(session.project, env) if env else False
    changed = write_config(connecting.file, text) or changed
    connecting.warn()
    session.warnings += [*settings.warnings, *info.notices]
    session.body |= _document(connecting, connection, info, lines, changed=changed)
    return Outcome(lambda screen: _show(screen, session.body))


def _begin(session: Session, options: ConnectOptions) -> NewConnection:
    file, text = read_config_text(session.project, os.environ)
    findings = Findings(file.name)
    check_names([options.name], findings)
    findings.raise_if_any()
    if read_yaml(text).problems:
        # Whoever reads it whole says what is wrong, and where.
        session.settings()
    block = connection_tree(text, options.name)
    manifest = registry.manifest(_connector(options, block))
    given = options.given()
    known = {*manifest.config_keys, *manifest.secret_names}
    for key in given:
        if key not in known:
            listed = ", ".join(option_of(name) for name in (*manifest.config_keys, *manifest.secret_names))
            raise UsageError(f"{manifest.title} has no {key}", where=option_of(key), hint=f"it takes {listed}")
    for key in manifest.required_keys:
        if key not in given and (block or {}).get(key) is None:
            raise UsageError(
                f"{manifest.title} needs {key}", where=option_of(key), hint=f"give it with {option_of(key)}"
            )
    variables = read_variables(session.project, os.environ, findings)
    findings.raise_if_any()
    return NewConnection(session, options, manifest, file, text, block, variables, given)


def _connector(options: ConnectOptions, block: Mapping[str, Tree] | None) -> str:
    """The connector's name: what the file says, else ``--connector``, else the connection's own.

    Raises:
        UsageError: The file says another one.
        ConfigError: There is no such connector.
    """
    if block:
        there = str(block.get("connector") or options.name)
        if options.connector not in (None, there):
            message = f"{options.name} is a connection of {shown(there)} already"
            raise UsageError(message, where="--connector", hint="give the new connection another name")
        return there
    if options.connector is None and options.name not in registry.connector_names():
        known = ", ".join(registry.connector_names())
        message = f"there is no connector {options.name!r}; there is {known}"
        raise UsageError(message, where="--connector", hint="a connection with a name of its own needs --connector")
    return registry.find(options.connector or options.name).name


def _look(session: Session, settings: Settings, connection: Connection) -> SourceInfo:
    if sys.stderr.isatty() and not session.as_json:
        session.aside.print(f"Looking at {connection.options.get('shop_url') or connection.name} ...", style="dim")
    workspace = Workspace(settings)
    try:
        with closing(workspace.open_source(connection)) as source:
            return source.check()
    finally:
        workspace.close()


def _document(
    connecting: NewConnection, connection: Connection, info: SourceInfo, lines: Mapping[str, str], *, changed: bool
) -> Document:
    return {
        "created": connecting.block is None,
        "changed": changed,
        "config_file": str(connecting.file),
        "env_file": str(connecting.session.project / ".env"),
        "secrets": [
            {"key": key, "variable": secret.variable, "source": secret.source, "written": secret.variable in lines}
            for key, secret in connecting.found.items()
        ],
        "secret_key_made": SECRET_KEY in lines,
        "streams": list(connection.enabled_streams),
        "source": source_document(info),
    }


def source_document(info: SourceInfo) -> Document:
    """What a platform says of itself, as JSON."""
    return {
        "name": info.name,
        "domain": info.domain,
        "currency": info.currency,
        "timezone": info.timezone,
        "scopes": sorted(info.scopes),
    }


def _show(screen: Console, body: Document) -> None:
    source = body["source"]
    screen.print(f"{body['connection']} is connected: {source['name']} ({source['domain']}), {source['currency']}")
    screen.print(f"Permissions: {', '.join(source['scopes'])}")
    if not body["changed"]:
        screen.print("Everything was written down already.")
    else:
        screen.print(f"Configuration: {body['config_file']}")
    written = [secret["variable"] for secret in body["secrets"] if secret["written"]]
    written += [SECRET_KEY] if body["secret_key_made"] else []
    if written:
        screen.print(f"Secrets: {', '.join(written)} in {body['env_file']}")
    screen.print(f"Next: tajo doctor, then tajo connectors sync {body['connection']} --full")
