"""Loading the definitions: everywhere, quickly, and without what only runs need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.manifest import StreamSpec
from tajo_pipelines.settings import load_settings
from tajo_pipelines_tests.e2e.dagster_dev import environment
from tajo_pipelines_tests.e2e.project import REPOSITORY
from tajo_pipelines_tests.orchestration.conftest import HEAD, Define, connection

TEN_SHOPS = "".join(connection(f"shop-{number}", "schedule: daily") for number in range(10))

LOADED = """
import sys
from tajo_pipelines.definitions import defs
assert list(defs().resolve_all_asset_specs())
print(sorted({"pandas", "pyarrow", "numpy", "tajo_pipelines.twin"} & set(sys.modules)))
"""


def test_definitions_can_be_loaded(define: Define) -> None:
    dg.Definitions.validate_loadable(define(connection("shopify") + connection("shopify-fr")))


def test_no_connection_at_all_is_fine(define: Define) -> None:
    dg.Definitions.validate_loadable(define("  {}\n"))


@pytest.mark.parametrize("file", ["connectors.yaml", "demo.yaml"])
def test_a_fresh_clone_loads(file: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(REPOSITORY / "config", folder / "config", dirs_exist_ok=True)
    monkeypatch.setenv("TAJO_CONFIG", f"config/{file}")
    monkeypatch.setenv("TAJO_TWIN_BREVO_URL", "http://127.0.0.1:9/v3")
    monkeypatch.setenv("TAJO_TWIN_SHOPIFY_URL", "http://127.0.0.1:9")
    defs = build_definitions(load_settings(folder, require_secrets=False))
    dg.Definitions.validate_loadable(defs)
    assert len(list(defs.resolve_all_asset_specs())) == (8 if file == "demo.yaml" else 0)


def test_dagster_validates_a_fresh_clone(folder: Path) -> None:
    shutil.copytree(REPOSITORY / "config", folder / "config", dirs_exist_ok=True)
    command = [sys.executable, "-m", "dagster", "definitions", "validate"]
    ended = subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_loading_needs_neither_pandas_nor_pyarrow(define: Define, folder: Path) -> None:
    define(connection("shopify"))
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (loaded.returncode, loaded.stdout.strip()) == (0, "[]"), loaded.stderr


def test_ten_connections_of_four_streams_load_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("customers", "orders", "products", "carts")
    streams = tuple(StreamSpec(name=name, incremental=True, deletes=False, realtime=False) for name in names)
    manifest = registry.manifest("shopify").model_copy(update={"streams": streams})
    monkeypatch.setattr(registry, "manifest", lambda _: manifest)
    (folder / "config" / "connectors.yaml").write_text(HEAD + TEN_SHOPS, encoding="utf-8")
    began = time.process_time()
    defs = build_definitions(load_settings(folder))
    dg.Definitions.validate_loadable(defs)
    took = time.process_time() - began
    assert len(list(defs.resolve_all_asset_specs())) == 80
    # Below a second where this was written; the limit finds a query or a call a stream, not a busy machine.
    assert took < 4.0
