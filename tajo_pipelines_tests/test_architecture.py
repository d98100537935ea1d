"""The rules of the house that a program can check, each over the files that exist."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tajo_pipelines"
TESTS = ROOT / "tajo_pipelines_tests"

MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [*MODULES, *sorted(TESTS.rglob("*.py"))]

LONGEST_MODULE = 400
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
CONSENT_FLAGS = re.compile("(email|sms)Blacklist(ed)?", re.IGNORECASE)
CONSENT_DOOR = PACKAGE / "brevo" / "consent_door.py"
# The brackets keep this file from naming what it looks for.
REGISTRIES = re.compile(r"pypi[.]org|python[h]osted|registry[.]npmjs|npmjs[.](org|com)|deb[.]debian")
BESIDE = re.compile(r"[.][.]/shared|/work[/](main|dev|shared)")
# Hidden folders (environments, state, caches), builds and pictures hold no text of the project's own.
NOT_OURS = {"__pycache__", "build", "dist", "htmlcov"}
PICTURES = {".png", ".jpg", ".gif", ".parquet", ".pyc"}
MARKED = re.compile(r"type: ignore\[[a-z0-9\-, ]+\]\s+# \S+|noqa: [A-Z]+[0-9]+(, ?[A-Z]+[0-9]+)*\s+\S+")
# Whoever decides, stores or composes has no business on the network.
WITHOUT_HTTP = ("model", "mapping", "store", "settings", "sync", "skills", "orchestration")


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> list[Path]:
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = [part for part in parts if part.startswith(".") and part not in {".ci", ".gitignore"}]
        if hidden or NOT_OURS & set(parts) or path.suffix in PICTURES or not path.is_file():
            continue
        found.append(path)
    return found


def lines_with(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{shown(path)}:{number}: {line.strip()}")
    return found


def comments(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """String constants, keywords and attributes; comments and docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.value.lineno, node.arg
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def test_imports_keep_their_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_module_outgrows_a_reader() -> None:
    lengths = {shown(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    long = {name: length for name, length in lengths.items() if length > LONGEST_MODULE}
    assert not long, f"longer than {LONGEST_MODULE} lines, find the seam: {long}"


def test_every_name_says_what_is_inside() -> None:
    vague = [shown(path) for path in SOURCES if FORBIDDEN_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)]
    assert not vague


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        shown(path)
        for path in MODULES
        if "migrations" not in path.parts and ast.get_docstring(ast.parse(path.read_text("utf-8"))) is None
    ]
    assert not silent


@pytest.mark.parametrize("mark", ["type: ignore", "noqa"])
def test_every_exception_has_a_code_and_a_reason(mark: str) -> None:
    bare = [
        f"{shown(path)}:{number}: {comment}"
        for path in SOURCES
        if path != Path(__file__)
        for number, comment in comments(path)
        if mark in comment and not MARKED.search(comment)
    ]
    assert not bare


def test_consent_flags_are_written_in_one_place() -> None:
    elsewhere = [
        f"{shown(path)}:{number}: {text}"
        for path in MODULES
        if path != CONSENT_DOOR and PACKAGE / "twin" not in path.parents
        for number, text in literals(path)
        if CONSENT_FLAGS.search(text)
    ]
    assert not elsewhere, f"only {shown(CONSENT_DOOR)} names Brevo's flags of consent"


def test_only_the_brevo_package_knows_where_brevo_lives() -> None:
    outside = [path for path in MODULES if PACKAGE / "brevo" not in path.parents]
    assert not lines_with(re.compile(r"\bapi\.brevo\.com\b"), outside)


def test_only_the_edges_speak_http() -> None:
    importers = []
    for path in MODULES:
        if path.relative_to(PACKAGE).parts[0] not in WITHOUT_HTTP:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            if {name.split(".")[0] for name in names} & {"requests", "httpx", "urllib3", "socket"}:
                importers.append(f"{shown(path)}:{node.lineno}")
    assert not importers


def test_no_registry_is_named() -> None:
    assert not lines_with(REGISTRIES, texts())


def test_nothing_leans_on_a_folder_beside_the_repository() -> None:
    assert not lines_with(BESIDE, texts())


def test_locks_hold_exact_versions_and_no_address() -> None:
    exact = re.compile(r"^[A-Za-z0-9._-]+==[^\s;@/]+$")
    for lock in (ROOT / "requirements.lock", ROOT / "requirements-dev.lock"):
        rows = [row for row in lock.read_text("utf-8").splitlines() if row and not row.startswith("#")]
        loose = [row for row in rows if row != "-r requirements.lock" and not exact.match(row)]
        assert rows, lock.name
        assert not loose, lock.name


def test_dagster_pins_move_together() -> None:
    locked = dict(
        row.split("==") for row in (ROOT / "requirements.lock").read_text("utf-8").splitlines() if "==" in row
    )
    assert locked["dagster"] == locked["dagster-webserver"]
    assert locked["dagster-postgres"].split(".")[1:] == ["29", locked["dagster"].split(".")[2]]


def test_both_entrances_of_dagster_are_one_code_location() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))
    entrance = workspace["load_from"][0]["python_module"]
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert tools["dagster"] == {
        "module_name": entrance["module_name"],
        "code_location_name": entrance["location_name"],
    }
    assert tools["dg"]["project"]["code_location_target_module"] == entrance["module_name"]
    assert tools["dg"]["project"]["code_location_name"] == entrance["location_name"]
