"""What ``doctor`` looks at on this machine: configuration, secrets, store, storage, Dagster, versions."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import fsspec

from tajo_pipelines import __version__
from tajo_pipelines.cli.checks import OK, WARNING, Checks
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings import Settings
from tajo_pipelines.settings.env_file import NAME as ENV_FILE
from tajo_pipelines.settings.files import PRIVATE
from tajo_pipelines.store.schema import HEAD
from tajo_pipelines.sync.storage import location
from tajo_pipelines.sync.workspace import Workspace

DAGSTER_HOME = "DAGSTER_HOME"
PROJECT = "project"
LEAST_FREE = 1_000_000_000
"""Bytes of free disk below which it is said: SQLite and the landing both stop where there are none."""

TOGETHER = ("dagster", "dagster-webserver")
"""Packages that come in one version."""

KEY_HINT = "tajo connectors connect makes it, or: echo TAJO_SECRET_KEY=$(head -c 32 /dev/urandom | base64) >> .env"


def check_project(checks: Checks, workspace: Workspace) -> bool:
    """Everything on this machine; whether the store can be used."""
    settings = workspace.settings
    _configuration(checks, settings)
    _env_file(checks, settings)
    _secret_key(checks, settings)
    usable = checks.look(PROJECT, "store", lambda: _store(workspace))
    checks.look(PROJECT, "storage", lambda: _storage(workspace))
    _disk(checks, settings)
    _dagster(checks, settings)
    _versions(checks)
    return usable


def _configuration(checks: Checks, settings: Settings) -> None:
    enabled = len(settings.enabled_connections)
    message = f"{settings.config_file}: {enabled} of {len(settings.connections)} connections enabled"
    checks.note(PROJECT, "configuration", OK, message)
    for notice in settings.warnings:
        checks.note(PROJECT, notice.code, WARNING, f"{notice.where}: {notice.message}")


def _env_file(checks: Checks, settings: Settings) -> None:
    path = settings.project_dir / ENV_FILE
    if not path.exists():
        checks.note(PROJECT, ENV_FILE, OK, "there is none: secrets come from the environment")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~PRIVATE:
        message = f"{path} holds secrets and may be read by others on this machine (mode {mode:04o})"
        checks.note(PROJECT, ENV_FILE, WARNING, message, f"chmod 600 {path}")
        return
    checks.note(PROJECT, ENV_FILE, OK, "only its owner may read it")


def _secret_key(checks: Checks, settings: Settings) -> None:
    if settings.secret_key is None:
        message = "TAJO_SECRET_KEY isn't set: nobody can be erased without it"
        checks.note(PROJECT, "secret key", WARNING, message, KEY_HINT)
        return
    checks.note(PROJECT, "secret key", OK, "TAJO_SECRET_KEY is set")


def _store(workspace: Workspace) -> str:
    dialect = workspace.store.database.engine.dialect.name
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(dialect, dialect)
    return f"{kind} answers, its tables are at {HEAD}, the newest"


def _storage(workspace: Workspace) -> str:
    root = workspace.settings.storage
    shown = root
    if "://" in root:
        parts = urlsplit(root)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    url = location(workspace, f".tajo-doctor-{uuid4().hex[:8]}")
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        with filesystem.open(path, "wb") as file:
            file.write(b"a file of tajo doctor, removed at once")
        filesystem.rm_file(path)
    except (OSError, ImportError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        message = f"{shown} can't be written to: {reason}"
        hint = "let this user write there, or name another place in TAJO_STORAGE"
        raise ConfigError(message, code="storage_unavailable", where="TAJO_STORAGE", hint=hint) from error
    return f"{shown} can be written to"


def _disk(checks: Checks, settings: Settings) -> None:
    places = [settings.home] + ([] if "://" in settings.storage else [Path(settings.storage)])
    there = {next(folder for folder in (place, *place.parents) if folder.is_dir()) for place in places}
    free = min(shutil.disk_usage(folder).free for folder in there)
    shown = f"{free / 1e9:,.1f} GB are free where store and landing lie"
    if free < LEAST_FREE:
        checks.note(PROJECT, "disk", WARNING, shown, "make room, or shorten brevo.keep.landing")
        return
    checks.note(PROJECT, "disk", OK, shown)


def _dagster(checks: Checks, settings: Settings) -> None:
    home = os.environ.get(DAGSTER_HOME)
    if not home:
        checks.note(PROJECT, "Dagster", OK, f"runs are kept as {settings.project_dir / 'dagster.yaml'} says")
    elif Path(home).resolve() == settings.project_dir.resolve():
        checks.note(PROJECT, "Dagster", OK, f"{DAGSTER_HOME} is the project")
    else:
        message = f"{DAGSTER_HOME} is {home}: tajo, make dev and dagster dev keep their runs there, not in the project"
        checks.note(PROJECT, "Dagster", WARNING, message, f"unset {DAGSTER_HOME} to keep them in the project")


def _versions(checks: Checks) -> None:
    python = ".".join(str(part) for part in sys.version_info[:3])
    found = {name: metadata.version(name) for name in TOGETHER}
    shown = f"Tajo {__version__}, Python {python}, Dagster {found['dagster']}"
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} {version}" for name, version in found.items())
        checks.note(PROJECT, "versions", WARNING, f"{listed} don't belong together", "make install")
        return
    checks.note(PROJECT, "versions", OK, shown)
