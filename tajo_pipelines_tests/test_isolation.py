"""The suite's own walls: no test reaches an account, a home or a host that isn't its own."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
import requests
from pytest_socket import SocketConnectBlockedError


def test_a_connection_to_another_host_fails() -> None:
    with (
        pytest.warns(UserWarning, match="tried to use socket"),
        pytest.raises(SocketConnectBlockedError),
        socket.socket() as other,
    ):
        other.connect(("192.0.2.1", 443))


def test_a_foreign_name_is_not_even_looked_up() -> None:
    with pytest.raises(RuntimeError, match="loopback alone"):
        socket.create_connection(("example.com", 443), timeout=1)


def test_an_invalid_host_is_unreachable_as_any_unknown_host() -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get("http://shop.invalid/", timeout=1)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.close()

        answer = threading.Thread(target=hang_up)
        answer.start()
        with socket.create_connection(("localhost", server.getsockname()[1]), timeout=5) as client:
            assert client.recv(1) == b""
        answer.join(timeout=5)


def test_no_setting_of_the_developer_reaches_a_test(tmp_path: Path, isolated_home: Path) -> None:
    kept = {name for name in os.environ if name.startswith(("TAJO_", "BREVO_", "SHOPIFY_", "DAGSTER_"))}
    assert kept == {"TAJO_HOME", "DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"}
    assert isolated_home.parent == tmp_path
    assert Path(os.environ["DAGSTER_HOME"]).parent == tmp_path
