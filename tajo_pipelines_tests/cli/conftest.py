"""A project of its own for each test, and the command line as a person meets it: arguments in, streams out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tajo_pipelines.cli.app import run
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {
    Path(file.name).stem: json.loads(file.read_text("utf-8"))
    for file in resources.files("tajo_pipelines.cli").joinpath("schemas").iterdir()
    if file.name.endswith(".json")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (f"{name}.json", Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


def validate(document: dict[str, Any]) -> None:
    """Fail where a document isn't as its schema says."""
    name = str(document["schema"]).removeprefix("tajo.").removesuffix("/1")
    problems = list(Draft202012Validator(SCHEMAS[name], registry=REGISTRY).iter_errors(document))
    assert not problems, [f"{problem.json_path}: {problem.message}" for problem in problems]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one document on stdout, valid."""
        found: dict[str, Any] = json.loads(self.out)
        validate(found)
        assert found["exit_code"] == self.code
        return found


Tajo = Callable[..., Ended]


@pytest.fixture
def tajo(capfd: pytest.CaptureFixture[str]) -> Tajo:
    """Runs a command line; no traceback may come out of it, whatever happens."""

    def call(*arguments: str) -> Ended:
        capfd.readouterr()
        code = run(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ended(code, out, err)

    return call


@dataclass(slots=True)
class Project:
    """A project's folder, with its configuration ready to be changed."""

    folder: Path
    document: dict[str, Any]

    @property
    def shopify(self) -> dict[str, Any]:
        """The one connection."""
        section: dict[str, Any] = self.document["connectors"]["shopify"]
        return section

    @property
    def brevo(self) -> dict[str, Any]:
        """The one account."""
        section: dict[str, Any] = self.document["brevo"]
        return section

    def write(self) -> None:
        """Write the configuration."""
        (self.folder / "config" / "connectors.yaml").write_text(yaml.safe_dump(self.document, sort_keys=False), "utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> Project:
    """An enabled connection whose two sides nobody serves."""
    folder = tmp_path / "project"
    (folder / "config").mkdir(parents=True)
    for name in ("workspace.yaml", "dagster.yaml"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(ROOT / "config" / "demo.yaml", folder / "config" / "demo.yaml")
    document = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text("utf-8"))
    made = Project(folder, document)
    made.brevo["base_url"] = "http://127.0.0.1:9/v3"
    made.brevo["tier"] = "extended"  # its own budget would slow a test down
    made.shopify["base_url"] = "http://127.0.0.1:9"
    made.write()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TAJO_HOME", str(isolated_home))
    monkeypatch.setenv("TAJO_PROJECT", str(folder))
    monkeypatch.delenv("DAGSTER_HOME")  # runs are kept where the project's dagster.yaml says
    return made


@pytest.fixture
def customers() -> int:
    """Customers of the shop; a test that needs more says so."""
    return 15


@pytest.fixture
def twin(customers: int) -> Iterator[TwinProcess]:
    """Both stand-ins."""
    with running_twin(options=TwinOptions(customers=customers, tier="unlimited"), clock=TwinClock(200.0)) as process:
        yield process


@pytest.fixture
def connected(project: Project, twin: TwinProcess) -> Project:
    """The project, its connection and account served by the stand-ins."""
    project.brevo["base_url"] = twin.brevo_url
    project.shopify["base_url"] = twin.shopify_url
    project.write()
    return project


@pytest.fixture
def fresh(project: Project, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project as it is shipped, its shop served by the stand-in."""
    file = project.folder / "config" / "connectors.yaml"
    shutil.copy(ROOT / "config" / "connectors.yaml", file)
    shop = '    shop_url: "your-store.myshopify.com"\n'
    text = file.read_text("utf-8")
    assert shop in text
    file.write_text(text.replace(shop, f'{shop}    base_url: "{twin.shopify_url}"\n'), "utf-8")
    for name in ("SHOPIFY_API_KEY", "SHOPIFY_API_SECRET", "BREVO_API_KEY", "TAJO_SECRET_KEY", "TAJO_CONNECTIONS"):
        monkeypatch.delenv(name, raising=False)
    return project
