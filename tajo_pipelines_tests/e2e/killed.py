"""Runs of the engine in processes of their own, to be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.sync import reading
from tajo_pipelines.sync.reading import ReadMode
from tajo_pipelines_tests.e2e.project import STREAMS, Project, hurry, run_engine, workspace_of

PATIENCE = 20.0


def processes() -> ForkServerContext:
    """Where processes come from: a server that has imported the engine already, so that each starts at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "pyarrow.parquet"])
    return context


def run_once(folder: str, mode: str, rows: int | None) -> None:
    """What a process does: one run, as a command would do it."""
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch, import_from=5)
        if rows is not None:
            patch.setattr(reading, "BATCH_ROWS", rows)
        workspace = workspace_of(Path(folder))
        try:
            run_engine(workspace, ReadMode(mode), streams=STREAMS)
        finally:
            workspace.close()


def start(project: Project, mode: str = "full", *, rows: int | None = None) -> ForkServerProcess:
    """Start a run in another process."""
    process = processes().Process(target=run_once, args=(str(project.folder), mode, rows))
    process.start()
    return process


def kill_at(project: Project, rule: dict[str, Any], mode: str = "full", *, rows: int | None = None) -> bool:
    """Start a run, hold it at the call that the rule hits, and kill it there; whether it came that far.

    Args:
        project: Whose run.
        rule: A fault of the twin without its action's length: the call is held, before its effect or after it.
        mode: Of the run.
        rows: How many records are landed together.
    """
    project.twin.faults(rule | {"seconds": PATIENCE * 2, "times": 1})
    process = start(project, mode, rows=rows)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.is_alive():
        [state] = project.twin.state()["faults"]
        if state["hits"]:
            break
        time.sleep(0.003)
    held = bool(project.twin.state()["faults"][0]["hits"])
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
    project.twin.faults()
    return held


def kill_after(project: Project, seconds: float, mode: str = "full") -> None:
    """Start a run and kill it after some time, wherever it is."""
    process = start(project, mode)
    time.sleep(seconds)
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
