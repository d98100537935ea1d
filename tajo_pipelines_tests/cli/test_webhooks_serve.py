"""``tajo webhooks serve``: what it says when it answers, when it can't, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.receiver import server
from tajo_pipelines.receiver.routes import Route
from tajo_pipelines.store import open_store
from tajo_pipelines.store.inbox import DeliveryFilter
from tajo_pipelines_tests.cli.conftest import Project, Tajo, validate
from tajo_pipelines_tests.receiver.stand_in import Client, port, request, route

SERVE = """
import sys
from tajo_pipelines.receiver import server
from tajo_pipelines_tests.receiver.stand_in import route
server.read_routes = lambda settings: {"shop": route()}
from tajo_pipelines.cli.app import run
sys.exit(run(sys.argv[1:]))
"""


def serve(project: Project, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own, over a connection of the tests' own platform."""
    line = [sys.executable, "-c", SERVE, "webhooks", "serve", "--port", "0", "--admin-port", "0", *arguments]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(line, cwd=project.folder, env=environ, stdout=subprocess.PIPE, text=True)


def test_it_prints_one_document_when_it_answers_and_ends_with_0(project: Project) -> None:
    process = serve(project, "--json")
    assert process.stdout is not None
    text = ""
    while not text.endswith("\n}\n"):
        text += process.stdout.readline()
    document = json.loads(text)
    validate(document)
    assert [each["path"] for each in document["routes"]] == ["/webhooks/shop"]
    client = Client(port(document["url"]))
    assert client.ask(request()).status == 200
    client.close()
    admin = Client(port(document["admin_url"]))
    assert admin.ask(b"GET /readyz HTTP/1.1\r\nhost: admin\r\n\r\n").status == 200
    admin.close()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest) == (0, "")
    store = open_store(f"sqlite:///{os.environ['TAJO_HOME']}/tajo.db")
    assert [item.delivery_id for item in store.inbox.list(DeliveryFilter())] == ["1"]
    store.close()


def test_it_names_the_routes_for_a_person(project: Project) -> None:
    process = serve(project)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert "/webhooks/shop" in lines[0]
    assert "/metrics" in lines[1]


def test_a_connection_without_a_secret_is_exit_3(project: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(_: object) -> dict[str, Route]:
        raise ConfigError("the connection 'shop' has no webhook secret", code="webhook_secret_missing")

    monkeypatch.setattr(server, "read_routes", without)
    document = tajo("webhooks", "serve", "--json").document
    assert (document["exit_code"], document["error"]["code"]) == (3, "webhook_secret_missing")


def test_a_port_that_is_taken_is_a_sentence(project: Project, tajo: Tajo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "read_routes", lambda _: {"shop": route()})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        document = tajo("webhooks", "serve", "--port", str(number), "--admin-port", "0", "--json").document
    assert (document["exit_code"], document["error"]["code"]) == (1, "port_taken")
    assert document["error"]["where"] == f"127.0.0.1:{number}"
