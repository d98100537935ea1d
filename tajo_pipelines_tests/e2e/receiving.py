"""A real receiver over a project, in a process of its own, and the shop's subscriptions to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tajo_pipelines_tests.e2e.dagster_dev import environment


@dataclass(slots=True)
class Receiver:
    """A running receiver.

    Attributes:
        url: Of the public port, without a path.
        admin_url: Of the admin port.
        process: Its process.
    """

    url: str
    admin_url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Of the platforms' side."""
        return int(self.url.rpartition(":")[2])

    def metrics(self) -> str:
        """What Prometheus would read."""
        answer = requests.get(f"{self.admin_url}/metrics", timeout=10)
        answer.raise_for_status()
        return answer.text

    def kill(self) -> None:
        """End it at once, as a crash would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> None:
        """End it as a person would; once it has ended, nothing happens."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=60)


def start_receiver(project: Path, *, port: int = 0, more: Mapping[str, str] | None = None) -> Receiver:
    """Start one and wait until it answers.

    Args:
        project: The project's folder.
        port: The platforms' port; 0 takes a free one.
        more: Environment.
    """
    document, process = serving(project, "webhooks", "serve", "--port", str(port), "--admin-port", "0", more=more)
    return Receiver(document["url"], document["admin_url"], process)


def serving(
    project: Path, *line: str, more: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], subprocess.Popen[str]]:
    """A command that serves, once it answers: its document and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tajo_pipelines.cli", *line, "--json"],
        cwd=project,
        env=environment(project, more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    text = ""
    while not text.endswith("\n}\n"):
        found = process.stdout.readline()
        if not found:
            pytest.fail(f"{line} ended: {process.communicate()[1]}")
        text += found
    document: dict[str, Any] = json.loads(text)
    if not document["ok"]:
        pytest.fail(f"{line} doesn't start: {document['error']}")
    return document, process


@contextmanager
def running_receiver(project: Path, more: Mapping[str, str] | None = None) -> Iterator[Receiver]:
    """One on free ports, for the length of a ``with`` block."""
    receiver = start_receiver(project, more=more)
    try:
        yield receiver
    finally:
        receiver.stop()


def command(project: Path, *line: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The document of a command that must succeed."""
    ended = subprocess.run(
        [sys.executable, "-m", "tajo_pipelines.cli", *line, "--json"],
        cwd=project,
        env=environment(project, more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    assert document["ok"], document["error"]
    return document


def subscribe(project: Path, receiver: Receiver, connection: str = "shopify") -> dict[str, Any]:
    """Let the shop send its webhooks to the receiver, as a person would."""
    return command(project, "webhooks", "register", connection, "--public-url", receiver.url)
