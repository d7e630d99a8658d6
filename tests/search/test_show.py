"""The command that shows a study: running, empty, damaged, finished."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.storage.json_files import write_json
from search.show import main
from search.study.stage_results import StageFiles
from tests.search.makers import make_entry, make_stage_result
from trainables.trial import TrialConfig

Capture = pytest.CaptureFixture[str]
Make = Callable[..., Path]

OTHER = TrialConfig(learning_rate=0.1)
LIVE: dict[str, Any] = {
    "format": 1,
    "state": "running",
    "search": "stage lr",
    "host": "elsewhere",
    "pid": 1,
    **dict.fromkeys(("started_at", "begun_at", "written_at"), "2999-01-01T00:00:00+00:00"),
    "expected": 4,
    "done": 1,
    "seconds_left": 42.0,
    "running": [
        {
            "key": "abc",
            "config": OTHER.to_dict(),
            "split": "random",
            "started_at": "2999-01-01T00:00:00+00:00",
            "epochs": [{}],
        }
    ],
    "failed": [],
    "asked": {},
    "cluster": {},
}


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
    assert lines[1] == "state     no run left its state here"
    assert lines[2] == "data      12,194 photographs, 2,284 subjects, split random, classes female, male"
    assert lines[3] == "networks  ImageNet weights, Keras on tensorflow"
    assert lines[4] == "trials    24 have ended"
    assert [line.rstrip() for line in lines if line.startswith("Stage ")] == [
        "Stage backbone",
        "Stage batch_size",
    ]
    assert lines[-1].startswith(
        "next      python -m search.run --stage lr --data MANIFEST --weights imagenet"
    )
    assert max(map(len, lines[6:-1])) <= 80
    assert err == ""


def test_whole_study_fits_80_columns(
    whole_study: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = shown(whole_study, capsys)
    tables = out[out.index("Stage ") : out.index("next ")]
    assert max(map(len, tables.splitlines())) <= 80
    assert "Joint search" in tables
    assert "…" not in tables


def test_study_as_json(make_study: Make, capsys: Capture) -> None:
    out, err = shown(make_study("one", stages=["lr"], epochs=2), capsys, "--json")
    said = json.loads(out)
    assert (said["study"], said["state"], said["trials"], said["unread"]) == ("one", None, 4, [])
    assert [stage["stage"] for stage in said["stages"]] == ["lr"]
    assert said["next"].startswith("python -m search.run --stage neurons")
    assert err == ""


def test_study_that_has_only_begun(make_study: Make, capsys: Capture) -> None:
    out, _ = shown(make_study(stages=[]), capsys)
    assert "no stage has finished yet" in out
    assert "trials    0 have ended" in out


def test_sample_is_called_as_the_search_calls_it(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=[], source="sample", weights="none", images=480, subjects=0)
    lines = shown(folder, capsys)[0].splitlines()
    assert (
        lines[2]
        == "data      480 drawn faces (no photographs), subjects unknown, split random, classes female, male"
    )
    assert lines[3] == "networks  random weights, Keras on tensorflow"


@pytest.mark.parametrize("name", ["faces[new]", "faces[b]"])
def test_name_of_a_study_is_no_markup(make_study: Make, capsys: Capture, name: str) -> None:
    folder = make_study(name, stages=["lr"], epochs=2)
    out, _ = shown(folder, capsys)
    assert out.splitlines()[0] == f"study     {folder}"
    assert shlex.quote(name) in out.splitlines()[-1]


def test_study_of_a_name_that_no_command_takes_is_shown_without_the_next_one(
    make_study: Make, capsys: Capture
) -> None:
    folder = make_study("faces :smile:", stages=["lr"], epochs=2)
    out, _ = shown(folder, capsys)
    assert out.splitlines()[0] == f"study     {folder}"
    assert "next      " not in out


def test_reason_of_a_failure_is_no_markup(
    make_study: Make, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    folder, reason = make_study(stages=[]), "OOM on [/job:localhost/device:GPU:0] :bug:"
    failed = make_entry(0.1, OTHER, status="FAILED", reason=reason)
    StageFiles(folder).write(make_stage_result(entries=(make_entry(), failed), notes=(reason,)))
    out, _ = shown(folder, capsys)
    assert f"note: {reason}" in out
    assert f"FAILED: {reason}" in out


def test_winner_is_the_one_that_fine_tuning_takes(
    make_study: Make, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    folder = make_study(stages=[])
    tuned = TrialConfig(learning_rate=0.0003, dropout=0.4)
    dropout = make_stage_result("dropout", "dropout", winner=tuned, finished_at="2026-01-01")
    again = make_stage_result(winner=replace(tuned, learning_rate=0.1, dropout=0.0), finished_at="2026-01-02")
    for result in (dropout, again):
        StageFiles(folder).write(result)
    line = shown(folder, capsys)[0].splitlines()[-2]
    assert line.startswith("winner    of stage lr: ")
    assert "learning rate 0.1" in line
    assert "dropout 0.4" in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "running stage lr: 1 of 4 trials, 0:42 left, on elsewhere"),
        ({"state": "ended"}, "ended at 2999-01-01T00:00:00Z"),
        ({"state": "interrupted"}, "interrupted at 2999-01-01T00:00:00Z"),
        ({"written_at": "2020-01-01T00:00:00+00:00"}, "probably killed: silent since 2020-01-01T00:00:00Z"),
        ({"search": "", "running": []}, "running its start on elsewhere"),
    ],
)
def test_state_of_the_last_run(make_study: Make, capsys: Capture, changes: dict[str, Any], said: str) -> None:
    folder = make_study(stages=[])
    write_json(folder / "live.json", {**LIVE, **changes})
    lines = shown(folder, capsys)[0].splitlines()
    assert lines[1] == f"state     {said}"
    running = ["running   learning rate 0.1, seed 7, epoch 1 of 20"] if not changes else []
    assert [line for line in lines if line.startswith("running ")] == running
    assert json.loads(shown(folder, capsys, "--json")[0])["running"] == ["abc"] * len(running)


def test_running_trial_of_a_joint_search_on_a_fold_is_told_by_its_values(
    make_study: Make, capsys: Capture
) -> None:
    folder = make_study(stages=[], split="folds")
    trial = {**LIVE["running"][0], "split": "fold-1"}
    write_json(folder / "live.json", {**LIVE, "search": "joint random", "running": [trial]})
    assert (
        "running   batch size 32, learning rate 0.1, hidden units 1024/512/256, dropout 0, seed 7, fold-1, "
        "epoch 1 of 20"
    ) in shown(folder, capsys)[0]


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
        for name in ("stages/lr.json", "stages/lr.x.json", "final.json", "command.json", "live.json")
    ] + [f"warning: python -m search.check {folder} --repair puts aside what"]


def test_damaged_trial_is_named_though_none_is_parsed(make_study: Make, capsys: Capture) -> None:
    folder = make_study(stages=["lr"], epochs=2)
    path = min((folder / "trials").iterdir())
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    _, err = shown(folder, capsys)
    assert err.startswith(f"warning: {path} is damaged (its digest is not that of its content)")


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
