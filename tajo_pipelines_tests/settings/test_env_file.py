"""``.env`` is changed line by line, and for its owner's eyes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tajo_pipelines.settings.env_file import env_values, read_env_file, with_values, without, write_env_file
from tajo_pipelines.settings.environment import read_variables
from tajo_pipelines.settings.findings import Findings

OLD = "# mine\n\nexport A=1\nB='q'   # why\n\n  C = 3\nbroken line\nA=2"


def test_other_lines_stay_as_they_are() -> None:
    new = with_values(OLD, {"A": "new", "D": "a b", "B": "q"})
    assert new == "# mine\n\nexport A=1\nB='q'   # why\n\n  C = 3\nbroken line\nA=new\nD='a b'\n"
    assert with_values(new, {"A": "new", "D": "a b"}) == new


def test_an_exported_line_stays_one_and_line_ends_stay() -> None:
    assert with_values("export A=1\r\nB=2\r\n", {"A": "3", "C": "4"}) == "export A=3\r\nB=2\r\nC=4\r\n"


def test_forgotten_lines_are_gone_all_of_them() -> None:
    assert without(OLD, {"A", "C"}) == "# mine\n\nB='q'   # why\n\nbroken line\n"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1).filter(str.strip))
def test_every_value_is_read_back_as_it_was_given(value: str) -> None:
    assert env_values(with_values("A=1\n", {"K": value}))["K"] == value


def test_it_is_private_and_read_as_settings_read_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n", "utf-8")
    (tmp_path / ".env").chmod(0o644)
    assert write_env_file(tmp_path, with_values(read_env_file(tmp_path), {"B": "${A} 'x' \\"}))
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert read_variables(tmp_path, {}, Findings("")).values == {"A": "1", "B": "${A} 'x' \\"}
    assert not write_env_file(tmp_path, read_env_file(tmp_path))


def test_an_open_file_is_closed_to_others_though_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n", "utf-8")
    (tmp_path / ".env").chmod(0o644)
    assert write_env_file(tmp_path, "A=1\n")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_a_half_written_file_never_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / ".env").write_text("A=1\n", "utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Exception, match="No space left"):
        write_env_file(project, "A=2\n")
    assert (project / ".env").read_text("utf-8") == "A=1\n"
    assert [path.name for path in project.iterdir()] == [".env"]
