"""What holds for every test: a home of its own, no setting or secret from outside, no way to the network."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_FOREIGN_PREFIXES = ("TAJO_", "BREVO_", "SHOPIFY_", "DAGSTER_")
_LOOPBACK = {"localhost", "127.0.0.1", "::1", "", None}


def _without_settings() -> None:
    for name in [name for name in os.environ if name.startswith(_FOREIGN_PREFIXES)]:
        del os.environ[name]
    os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"


# Before any test module is imported: what is read at import time must not see a developer's account either.
_without_settings()


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Points every home at the test's own folder and returns Tajo's."""
    home = tmp_path / "tajo-home"
    dagster_home = tmp_path / "dagster-home"
    dagster_home.mkdir()
    for name in [name for name in os.environ if name.startswith(_FOREIGN_PREFIXES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TAJO_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    return home


@pytest.fixture(autouse=True)
def names_stay_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses to look up any host but this one; pytest-socket refuses the connection, not the question.

    Names under ``.invalid`` (RFC 2606) fail as an unknown host does, for tests of unreachable hosts.
    """
    ask: Callable[..., Any] = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name not in _LOOPBACK:
            message = f"A test tried to look up {name!r}; tests reach loopback alone."
            raise RuntimeError(message)
        return ask(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)
