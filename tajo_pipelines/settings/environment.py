"""The environment of a project: the process's variables over those of its ``.env``."""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import SecretBytes

from tajo_pipelines.brevo.places import is_loopback
from tajo_pipelines.settings.findings import Findings

DEFAULT_HOME = ".tajo"
DEFAULT_CONFIG = "config/connectors.yaml"
SECRET_KEY_BYTES = 32

_POSTGRES = re.compile(r"^(postgres|postgresql)://")
_DATABASE = re.compile(r"^(sqlite|postgresql)(\+[a-z0-9_]+)?://")
_SQLITE_FILE = re.compile(r"^(?P<driver>sqlite(?:\+[a-z0-9_]+)?):///(?P<path>[^?]+)(?P<query>\?.*)?$")


@dataclass(frozen=True, slots=True)
class Variables:
    """Variables by name; a blank one counts as absent.

    Attributes:
        values: What holds, the process's environment over ``.env``.
        lines: Line in ``.env`` of the values that come from there.
    """

    values: Mapping[str, str]
    lines: Mapping[str, int]

    def get(self, name: str) -> str | None:
        """The value, or None where it is absent or blank."""
        value = self.values.get(name)
        return value if value is not None and value.strip() else None

    def is_blank(self, name: str) -> bool:
        """Whether the variable is there and says nothing."""
        return name in self.values and not self.values[name].strip()

    def where(self, name: str) -> str:
        """The place to name in an error."""
        return f".env:{self.lines[name]} {name}" if name in self.lines else f"environment {name}"


def read_variables(project_dir: Path, environ: Mapping[str, str], findings: Findings) -> Variables:
    """Reads ``.env`` and lays the process's environment over it.

    Values in ``.env`` are taken as they stand: a ``${...}`` in them isn't replaced.

    Args:
        project_dir: Where ``.env`` may lie.
        environ: The process's environment.
        findings: Takes unreadable lines, as warnings.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    file = project_dir / ".env"
    if file.is_file():
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            findings.error_at("env_unreadable", ".env", f"can't be read: {type(error).__name__}")
            text = ""
        for binding in parse_stream(io.StringIO(text)):
            text_before = binding.original.string
            line = binding.original.line + len(text_before) - len(text_before.lstrip("\n"))
            if binding.error:
                findings.warn_at("env_line", f".env:{line}", "this line isn't NAME=value and was passed over")
            elif binding.key and binding.value is not None:
                values[binding.key], lines[binding.key] = binding.value, line
    for name, value in environ.items():
        values[name] = value
        lines.pop(name, None)
    return Variables(values, lines)


def read_home(project_dir: Path, variables: Variables) -> Path:
    """``TAJO_HOME``, the folder of all local state; relative to the project."""
    return (project_dir / Path(variables.get("TAJO_HOME") or DEFAULT_HOME).expanduser()).absolute()


def read_config_file(project_dir: Path, variables: Variables) -> Path:
    """``TAJO_CONFIG``, or the project's own; relative to the project."""
    return (project_dir / Path(variables.get("TAJO_CONFIG") or DEFAULT_CONFIG).expanduser()).absolute()


def read_storage(project_dir: Path, home: Path, variables: Variables) -> str:
    """``TAJO_STORAGE``, the landing root: an absolute path or an fsspec URL."""
    value = variables.get("TAJO_STORAGE")
    if value is None:
        return str(home / "landing")
    return value.rstrip("/") if "://" in value else str((project_dir / Path(value).expanduser()).absolute())


def read_database_url(project_dir: Path, home: Path, variables: Variables, findings: Findings) -> str:
    """``TAJO_DATABASE_URL`` with its driver named, by default SQLite in the home.

    SQLAlchemy 2.1 changed the driver that a bare ``postgresql://`` means, so it is named here.
    """
    default = f"sqlite:///{home / 'tajo.db'}"
    value = variables.get("TAJO_DATABASE_URL")
    if value is None:
        return default
    url = _POSTGRES.sub("postgresql+psycopg2://", value.strip())
    where = variables.where("TAJO_DATABASE_URL")
    if not _DATABASE.match(url):
        scheme = url.split(":", 1)[0] if "://" in url else "no scheme"
        findings.error_at("database_url", where, f"must start with sqlite:/// or postgresql://; found {scheme[:20]!r}")
        return default
    if url.startswith("sqlite"):
        file = _SQLITE_FILE.match(url)
        if not file or ":memory:" in url or "mode=memory" in url:
            message = "a database in memory can't be shared by processes; name a file"
            findings.error_at("database_url", where, message)
            return default
        path = (project_dir / file["path"]).absolute()
        return f"{file['driver']}:///{path}{file['query'] or ''}"
    return url


def read_secret_key(variables: Variables, findings: Findings) -> SecretBytes | None:
    """``TAJO_SECRET_KEY``, 32 bytes in base64, or None where it is absent."""
    value = variables.get("TAJO_SECRET_KEY")
    if value is None:
        return None
    text = value.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SECRET_KEY_BYTES:
        found = f"it holds {len(key)} bytes" if key else "it isn't base64"
        findings.error_at(
            "secret_key",
            variables.where("TAJO_SECRET_KEY"),
            f"must be {SECRET_KEY_BYTES} random bytes in base64; {found}",
        )
        return None
    return SecretBytes(key)


def check_url(text: str, *, path_allowed: bool) -> tuple[str, str | None]:
    """Checks an address that secrets are sent to.

    Args:
        text: The address.
        path_allowed: Whether it may have a path.

    Returns:
        The address without trailing slash, and what is wrong with it or None.
    """
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return url, "isn't an address"
    if parts.scheme not in ("http", "https") or not host:
        return url, "must be scheme://host[:port], the scheme https, or http on loopback"
    if parts.username is not None or parts.password is not None:
        return url, "can't hold credentials"
    if parts.query or parts.fragment or (parts.path and not path_allowed):
        wanted = "scheme://host[:port]/path" if path_allowed else "scheme://host[:port], without path"
        return url, f"must be {wanted}"
    if parts.scheme == "http" and not is_loopback(host):
        return url, "is plain http, which is allowed on loopback alone; use https"
    return url, None
