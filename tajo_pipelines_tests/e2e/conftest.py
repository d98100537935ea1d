"""Twins and projects for tests of the whole way, from a shop to Brevo, over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.e2e.project import FACTOR, Project, hurry, small_shop

Build = Callable[..., Project]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Makes projects, each over a twin of its own: ``build(customers=60, account=...)``."""
    hurry(monkeypatch, import_from=5)
    small_shop(monkeypatch)
    monkeypatch.delenv("TAJO_HOME")
    monkeypatch.delenv("DAGSTER_HOME")
    with ExitStack() as stack:

        def made(*, customers: int = 40, seed: int = 1, options: dict[str, Any] | None = None, **more: str) -> Project:
            chosen = TwinOptions(customers=customers, seed=seed, **({"tier": "unlimited"} | (options or {})))
            twin: TwinProcess = stack.enter_context(running_twin(options=chosen, clock=TwinClock(FACTOR)))
            return Project.make(tmp_path / f"project-{twin.twin.ports['brevo']}", twin, **more)

        yield made
