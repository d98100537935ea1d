"""``tajo connectors disconnect``: a connection that runs no more, with all that it takes to go on one day."""

from __future__ import annotations

import os
import re

from rich.console import Console

from tajo_pipelines.cli.documents import Document
from tajo_pipelines.cli.edge import Outcome, Session
from tajo_pipelines.sdk import registry
from tajo_pipelines.settings import Connection, Settings, load_settings
from tajo_pipelines.settings.connections import SELECTED
from tajo_pipelines.settings.env_file import NAME, env_values, read_env_file, without, write_env_file
from tajo_pipelines.settings.loader import read_config_text
from tajo_pipelines.settings.variables import only_variable
from tajo_pipelines.settings.writing import connection_tree, with_connection, write_config
from tajo_pipelines.settings.yaml_source import Scalar
from tajo_pipelines.sync.outcome import time_document
from tajo_pipelines.sync.workspace import Workspace

_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def disconnect(session: Session, name: str, *, forget_secrets: bool) -> Outcome:
    """Turn a connection off.

    Raises:
        ConfigError: There is no such connection, or the configuration is wrong.
    """
    session.body["connection"] = name
    file, text = read_config_text(session.project, os.environ)
    if connection_tree(text, name) is None:
        session.settings().connection(name)
    changed = with_connection(text, name, {"enabled": False})
    environ = dict(os.environ) | {SELECTED: ""}
    settings = load_settings(session.project, environ, text=changed, require_secrets=False)
    session.adopt(settings)
    connection = settings.connection(name)
    env = read_env_file(session.project)
    mine = [variable for variable in _variables(text, connection) if variable in env_values(env)]
    shared = [variable for variable in mine if variable in _used_elsewhere(changed, settings, name)]
    forgotten = [variable for variable in mine if variable not in shared] if forget_secrets else []
    written = write_config(file, changed)
    if forgotten:
        write_env_file(session.project, without(env, forgotten))
    session.body |= {
        "connector": connection.connector,
        "account": connection.account,
        "changed": written or bool(forgotten),
        "config_file": str(file),
        "env_file": str(session.project / NAME),
        "forgotten": forgotten,
        "kept": _kept(session.workspace(settings), connection)
        | {"secrets": [variable for variable in mine if variable not in forgotten]},
    }
    return Outcome(lambda screen: _show(screen, session.body))


def _variables(text: str, connection: Connection) -> list[str]:
    """The variables that a connection's secrets are read from."""
    block = connection_tree(text, connection.name) or {}
    found = list(connection.secret_variables.values())
    for key in registry.manifest(connection.connector).secret_names:
        written = block.get(key)
        named = only_variable(written) if isinstance(written, Scalar) else None
        found += [named] if named is not None else []
    return list(dict.fromkeys(found))


def _used_elsewhere(text: str, settings: Settings, name: str) -> set[str]:
    """The variables that anything but this connection reads."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    everywhere = _REFERENCE.findall("\n".join(lines))
    own = _REFERENCE.findall(" ".join(str(value) for value in (connection_tree(text, name) or {}).values()))
    others = [connection for connection in settings.connections.values() if connection.name != name]
    usual = {variable for connection in others for variable in connection.secret_variables.values()}
    return usual | {variable for variable in everywhere if everywhere.count(variable) > own.count(variable)}


def _kept(workspace: Workspace, connection: Connection) -> Document:
    store = workspace.store
    waiting = [batch for name in connection.streams for batch in store.batches.undelivered(connection.name, name)]
    return {
        "undelivered": {"batches": len(waiting), "records": sum(batch.rows for batch in waiting)},
        "letters_open": store.letters.count(connection=connection.name),
        "watermarks": {
            name: time_document(store.batches.watermark(connection.name, name)) for name in connection.streams
        },
    }


def _show(screen: Console, body: Document) -> None:
    kept = body["kept"]
    screen.print(f"{body['connection']} is turned off: nothing of it is read or sent any more.")
    screen.print(f"Kept: its block in {body['config_file']}, how far each stream was read, and all that Brevo has.")
    if kept["undelivered"]["batches"]:
        screen.print(f"  {kept['undelivered']['records']:,} records were read and wait for their delivery.")
    if kept["letters_open"]:
        screen.print(f"  {kept['letters_open']:,} letters are open.")
    if kept["secrets"]:
        screen.print(
            f"  {', '.join(kept['secrets'])} in {body['env_file']}; --forget-secrets removes what it alone uses"
        )
    if body["forgotten"]:
        screen.print(f"Removed from {body['env_file']}: {', '.join(body['forgotten'])}")
    screen.print(f"To go on where it stopped: tajo connectors connect {body['connection']}")
