"""The command that shows a study: running, empty, damaged, finished."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from search.show import main

Capture = pytest.CaptureFixture[str]
Make = Callable[..., Path]


def shown(folder: Path, capsys: Capture, *options: str) -> tuple[str, str]:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert main([str(folder), *options]) == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    output = capsys.readouterr()
    return output.out, output.err


def test_study_is_shown_with_tables_and_the_next_command(
    make_study: Make, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    folder = make_study(stages=["backbone", "batch_size"], repeats=3, epochs=2)
    out, err = shown(folder, capsys)
    lines = out.splitlines()
    assert lines[0] == f"study     {folder}"
    assert lines[1] == "state     not begun, or made by an earlier version"
    assert lines[3] == "trials    24 have ended"
    assert [line.rstrip() for line in lines if line.startswith("Stage ")] == [
        "Stage backbone",
        "Stage batch_size",
    ]
    assert lines[-1].startswith("next      python -m search.run --stage lr --data MANIFEST --split random")
    assert max(map(len, lines[5:-1])) <= 80
    assert err == ""


def test_whole_study_fits_80_columns(
    write_whole_study: Callable[[Path], Path],
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = shown(write_whole_study(tmp_path / "s"), capsys)
    tables = out[out.index("Stage ") : out.index("next ")]
    assert max(map(len, tables.splitlines())) <= 80
    assert "Joint search" in tables
    assert "…" not in tables


def test_study_as_json(make_study: Make, capsys: Capture) -> None:
    out, err = shown(make_study("one", stages=["lr"], epochs=2), capsys, "--json")
    said = json.loads(out)
    assert (said["study"], said["state"], said["trials"], said["unread"]) == ("one", None, 4, [])
    assert [stage["stage"] for stage in said["stages"]] == ["lr"]
    assert said["next"].startswith("python -m search.run --stage backbone")
    assert err == ""


def test_study_that_has_only_begun(make_study: Make, capsys: Capture) -> None:
    out, _ = shown(make_study(stages=[]), capsys)
    assert "no stage has finished yet" in out
    assert "trials    0 have ended" in out


def test_damaged_files_are_named_and_the_rest_is_shown(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=["lr", "dropout"], epochs=2)
    (folder / "stages" / "lr.json").write_text("{")
    (folder / "stages" / "lr.x.json").write_text("{}")
    (folder / "live.json").write_text("[]")
    (folder / "final.json").write_text("")
    (folder / "command.json").write_text("{}")
    out, err = shown(folder, capsys)
    assert "Stage dropout" in out
    assert [line.partition(" is ")[0] for line in err.splitlines()] == [
        f"warning: {folder / name}"
        for name in ("live.json", "final.json", "stages/lr.json", "stages/lr.x.json")
    ]


@pytest.mark.parametrize("what", ["nothing", "a folder"])
def test_what_is_no_study_is_one_sentence(tmp_path: Path, capsys: Capture, what: str) -> None:
    if what == "a folder":
        (tmp_path / "x").mkdir()
    assert main(["x", "--storage", str(tmp_path)]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"error: there is no study x in {tmp_path} (there: none); give its name")


def test_damaged_study_is_one_sentence(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=[])
    (folder / "study.json").write_text("{")
    assert main([str(folder)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {folder / 'study.json'} is damaged")
