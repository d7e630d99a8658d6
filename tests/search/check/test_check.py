"""The command that checks a study: what it says, what it puts aside, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from search.check.__main__ import main
from search.study.holding.held import held
from search.study.ledger import Ledger
from tests.search.makers import unseal

Make = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_whole_study(make_study: Make, capsys: Capture) -> None:
    assert main([str(make_study(stages=("lr",), epochs=1))]) == 0
    out, err = capsys.readouterr()
    assert (out.endswith("files, 0 damaged\n"), err) == (True, "")


def test_damaged_files_are_named_and_stay(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    trial = min((folder / "trials").iterdir())
    for path in (trial, folder / "stages" / "lr.json"):
        flip(path)
    assert main([str(folder)]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("files, 2 damaged\n")
    assert [line.partition(" is ")[0] for line in err.splitlines()[:2]] == [
        f"warning: {folder / 'stages' / 'lr.json'}",
        f"warning: {trial}",
    ]
    assert (
        f"error: 2 of the files of {folder} cannot be used; python -m search.check {folder} --repair" in err
    )
    assert trial.exists()


def test_repair_puts_aside_what_is_made_again(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    trial = min((folder / "trials").iterdir())
    flip(trial)
    assert main([str(folder), "--repair"]) == 0
    assert capsys.readouterr().out.endswith("1 damaged, 1 put aside\n")
    assert (trial.exists(), trial.with_suffix(".damaged").exists()) == (False, True)
    assert Ledger(folder).find_key(trial.stem) is None


def test_repair_leaves_what_nothing_makes_again(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    (folder / "final.json").write_text("{")
    assert main([str(folder), "--repair", "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [each["path"] for each in told["damaged"]] == [str(folder / "final.json")]
    assert told["put_aside"] == []
    assert "restore it from a copy" in err
    assert (folder / "final.json").exists()


def test_trial_that_a_stage_names_and_that_is_gone_is_said(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    min((folder / "trials").iterdir()).unlink()
    assert main([str(folder)]) == 1
    assert "lr.json names trials that are not there" in capsys.readouterr().err


def test_file_that_is_none_of_a_study_is_said_and_stays(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    (folder / "notes.txt").write_text("mine")
    assert main([str(folder), "--repair"]) == 1
    assert f"{folder / 'notes.txt'} is no file of a study; move it elsewhere" in capsys.readouterr().err
    assert (folder / "notes.txt").exists()


def test_study_of_before_there_were_digests_is_whole(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    for path in (folder / "trials").iterdir():
        unseal(path, format=0)
    assert main([str(folder)]) == 0


def test_study_that_runs_is_not_repaired(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    with held(folder):
        assert main([str(folder), "--repair"]) == 1
    assert "is being run by another process" in capsys.readouterr().err
