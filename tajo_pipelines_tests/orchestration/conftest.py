"""Projects whose definitions are looked at, and projects that run in process over a twin."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.launch import LaunchResult, project_instance
from tajo_pipelines.settings import load_settings
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.e2e.project import FACTOR, REPOSITORY, Project, hurry
from tajo_pipelines_tests.orchestration.runs import CUSTOMERS, command

Define = Callable[[str], dg.Definitions]

HEAD = """
brevo: {api_key: key, base_url: "http://127.0.0.1:9/v3"}
connectors:
"""

SHOP = """  {name}:
    connector: shopify
    shop_url: "{name}.myshopify.com"
    base_url: http://127.0.0.1:9
    api_key: id
    api_secret: secret
    field_mapping: {{email: email}}
"""


def connection(name: str, *lines: str) -> str:
    """A connection's YAML, with more lines of its own."""
    return SHOP.format(name=name) + "".join(f"    {line}\n" for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder without connections."""
    made = tmp_path / "project"
    (made / "config").mkdir(parents=True)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, made / name)
    return made


@pytest.fixture
def define(folder: Path) -> Define:
    """Builds the definitions of a configuration, given as the YAML of its connections."""

    def built(connections: str) -> dg.Definitions:
        (folder / "config" / "connectors.yaml").write_text(HEAD + connections, encoding="utf-8")
        return build_definitions(load_settings(folder))

    return built


@pytest.fixture(scope="session")
def empty_instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dagster's own files before the first run, made once: making them costs more than a run."""
    at = tmp_path_factory.mktemp("instance")
    shutil.copy(REPOSITORY / "dagster.yaml", at / "dagster.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAGSTER_HOME", raising=False)
        with project_instance(at) as instance:
            instance.get_runs(limit=1)
            instance.all_asset_keys()
            instance.all_instigator_state()
    return at / ".tajo"


def make_project(at: Path, twin: TwinProcess, instance: Path) -> Project:
    """A project over a twin, its Dagster instance made already."""
    made = Project.make(at, twin)
    shutil.copytree(instance, made.home)
    return made


@pytest.fixture
def own_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Homes are where a project has them."""
    monkeypatch.delenv("TAJO_HOME")
    monkeypatch.delenv("DAGSTER_HOME")


@pytest.fixture
def project(
    tmp_path: Path, empty_instance: Path, own_instance: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """A project of one's own over a twin with 12 customers."""
    hurry(monkeypatch)
    with running_twin(options=TwinOptions(customers=CUSTOMERS, tier="unlimited"), clock=TwinClock(FACTOR)) as twin:
        yield make_project(tmp_path / "project", twin, empty_instance)


@pytest.fixture(scope="module")
def _synced(tmp_path_factory: pytest.TempPathFactory, empty_instance: Path) -> Iterator[tuple[Project, LaunchResult]]:
    at = tmp_path_factory.mktemp("synced") / "project"
    options = TwinOptions(customers=CUSTOMERS, tier="unlimited")
    with pytest.MonkeyPatch.context() as patch, running_twin(options=options, clock=TwinClock(FACTOR)) as twin:
        for name in ("TAJO_HOME", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        hurry(patch)
        made = make_project(at, twin, empty_instance)
        yield made, command(made, mode="full")


@pytest.fixture
def synced(_synced: tuple[Project, LaunchResult], own_instance: None) -> Project:
    """A project that was synchronised whole; a module's tests share it, and leave it in that state."""
    return _synced[0]


@pytest.fixture
def first_run(_synced: tuple[Project, LaunchResult], own_instance: None) -> LaunchResult:
    """The run that synchronised it."""
    return _synced[1]
