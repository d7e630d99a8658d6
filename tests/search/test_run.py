"""The command: one sentence for bad input, and a dry run that touches nothing. Nothing here is trained."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from data_prep.manifest import read_manifest
from search.execution import prerequisites, search_run
from search.options.parser import parse_options
from search.run import main
from search.study.folder import open_study, read_command
from search.study.holding.held import held
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import StageFiles
from tests.search.makers import make_result, make_stage_result, write_small_manifest
from trainables.trial import TrialConfig

Capture = pytest.CaptureFixture[str]
SINGLE = "warning: batch size 1 trains nothing: with one example, BatchNorm always gives the same output"


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest of 80 rows in the working folder; the command below reads it."""
    monkeypatch.chdir(tmp_path)
    return write_small_manifest(tmp_path)


@pytest.fixture
def study(manifest: Path, tmp_path: Path) -> Path:
    """The study `m` of that manifest, which has finished the first value of the learning-rate stage."""
    folder, problem = tmp_path / "results" / "m", problem_of(manifest)
    open_study(folder, problem.facts())
    Ledger(folder).record(
        make_result(problem.trial(TrialConfig(learning_rate=0.1), "random"), *[0.5] * 20, seconds=2.0)
    )
    return folder


def problem_of(manifest: Path) -> Problem:
    return Problem.of(read_manifest(manifest), "random", "none", "tensorflow")


def argv(options: str = "", stage: str = "--stage lr") -> list[str]:
    always = "--data m.parquet --preset report --weights none --keras-backend tensorflow"
    return f"{stage} {always} {options}".split()


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(command: list[str], folder: Path, capsys: Capture) -> str:
    """Returns the one line that the refused `command` says; checks that nothing else happened."""
    before = files_below(folder)
    assert main(command) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert files_below(folder) == before
    return output.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--data none.parquet", "there is no manifest none.parquet; make one with python -m data_prep.build"),
        ("--data 0.jpg", "0.jpg is not a readable parquet file"),
        ("--data .", "the manifest . cannot be read (Is a directory); name another"),
        ("--data-root gone", "gone, which is not there"),
        ("--weights none.h5", "weights are imagenet, none or a file that can be read, received 'none.h5'"),
        ("--split kfold:900", "a split into 900 parts needs at least 900 groups of each class"),
        ("--final", "--final needs data that no selection saw, --split random keeps none"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_bad_input_is_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: Capture, options: str, said: str
) -> None:
    error = refused(argv(options), tmp_path, capsys)
    assert error.startswith("error: ")
    assert said in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--search tpe --num-samples 4 --split folds", "compares runs of one split, --split folds has 5"),
        ("--vary lr --learning-rate 0.1", "a joint search needs a hyperparameter to vary, all are given"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_bad_joint_search_is_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: Capture, options: str, said: str
) -> None:
    assert said in refused(argv(options, "--mode joint"), tmp_path, capsys)


@pytest.mark.usefixtures("manifest")
def test_images_that_are_gone_are_counted_before_anything_starts(tmp_path: Path, capsys: Capture) -> None:
    for number in (7, 30, 31, 55):
        (tmp_path / f"{number}.jpg").unlink()
    assert main(argv()) == 1
    said = capsys.readouterr().err
    assert not (tmp_path / "results" / "m" / "study.json").exists()
    assert "4 of the 80 images of the data are missing in" in said
    assert ": 7.jpg, 30.jpg, 31.jpg, …; say where they are now (--data-root" in said


@pytest.mark.parametrize("also", ["", "--dry-run"])
def test_study_of_other_data_says_what_differs_and_writes_nothing(
    study: Path, tmp_path: Path, capsys: Capture, also: str
) -> None:
    write_small_manifest(tmp_path, "other.parquet", age="(4, 6)")
    said = refused(argv(f"--data other.parquet --study m {also}"), tmp_path, capsys)
    assert said.startswith(f"error: the study {study} was made with other facts: data_digest '")
    assert said.endswith("; give another --study name\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--weights imagenet", "weights 'none' there and 'imagenet' now"),
        ("--split subject", "split 'random' there and 'group' now"),
        ("--keras-backend jax", "keras_backend 'tensorflow' there and 'jax' now"),
        ("--feature-precision bfloat16", "feature_precision None there and 'bfloat16' now"),
        ("--resize nearest", "resize None there and 'nearest' now"),
    ],
)
@pytest.mark.usefixtures("study")
def test_study_of_other_facts_says_what_differs_and_writes_nothing(
    tmp_path: Path, capsys: Capture, options: str, said: str
) -> None:
    assert said in refused(argv(options), tmp_path, capsys)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 7}'])
def test_study_that_is_damaged_is_named_and_stays(
    study: Path, tmp_path: Path, capsys: Capture, text: str
) -> None:
    (study / "study.json").write_text(text)
    assert f"error: {study / 'study.json'} is damaged" in refused(argv(), tmp_path, capsys)


@pytest.mark.parametrize(("command", "code"), [([], 2), (["--stage", "learning"], 2), (["--help"], 0)])
def test_usage_has_its_exit_code(command: list[str], code: int, capsys: Capture) -> None:
    assert main(command) == code
    output = capsys.readouterr()
    assert "usage: python -m search.run" in output.out + output.err


@pytest.mark.usefixtures("manifest")
def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(search_run.SearchRun, "plans", interrupt)
    assert main(argv()) == 130
    assert capsys.readouterr().err == (
        "interrupted: finished trials are kept; the same command again continues\n"
    )


def search_noisily(*_: object) -> None:
    print("progress", file=sys.stderr)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("the disk is full", stacklevel=1)
    raise InputError("no worker came")


@pytest.mark.parametrize(("option", "progress"), [("", "progress\n"), ("--quiet", "")])
@pytest.mark.usefixtures("manifest")
def test_quiet_says_warnings_and_errors_only(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, option: str, progress: str
) -> None:
    monkeypatch.setattr(search_run, "head_start", search_noisily)
    assert main(argv(option)) == 1
    assert capsys.readouterr() == ("", f"{progress}warning: the disk is full\nerror: no worker came\n")


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("manifest")
def test_start_that_fails_leaves_no_study_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "head_start", search_noisily)
    assert main(argv()) == 1
    assert list((tmp_path / "results").iterdir()) == []


@pytest.mark.usefixtures("manifest")
def test_search_that_fails_in_its_first_trial_keeps_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "results" / "m"

    def fail_later(*_: object) -> None:
        (study / "checkpoints" / "a").mkdir(parents=True)
        (study / "checkpoints" / "a" / "state.npz").touch()
        raise InputError("Ray failed")

    monkeypatch.setattr(search_run, "head_start", fail_later)
    assert main(argv()) == 1
    assert read_command(study)


@pytest.mark.usefixtures("manifest")
def test_start_that_fails_leaves_a_study_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_run, "head_start", interrupted)
    main(argv())
    monkeypatch.setattr(search_run, "head_start", search_noisily)
    assert main(argv()) == 1
    assert read_command(tmp_path / "results" / "m")


@pytest.mark.usefixtures("manifest")
def test_gpu_that_is_not_there_is_known_before_ray_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(prerequisites, "GPUS", ("none of them",))
    monkeypatch.setattr(sys, "platform", "linux")
    assert main(argv("--gpus-per-trial 1")) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: --gpus-per-trial 1 needs a GPU, and no driver of this machine shows one; ")
    assert not (tmp_path / "results").exists()


@pytest.mark.usefixtures("manifest")
def test_command_is_kept_in_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "head_start", interrupted)
    assert main(argv()) == 130
    kept = read_command(tmp_path / "results" / "m")
    assert kept
    assert (list(kept.argv), kept.cwd) == (parse_options(argv()).words(), str(tmp_path))


def dry_run(capsys: Capture, options: str = "", stage: str = "--stage lr") -> Any:
    assert main(argv(f"--dry-run --json {options}", stage)) == 0
    output = capsys.readouterr()
    assert [line for line in output.err.splitlines() if not line.startswith(SINGLE)] == []
    return json.loads(output.out)


@pytest.mark.usefixtures("manifest")
def test_dry_run_says_what_would_be_trained(tmp_path: Path, capsys: Capture) -> None:
    assert main(argv("--dry-run")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"study     {tmp_path / 'results' / 'm'}"
    assert lines[1] == "data      80 photographs, 40 subjects, split random, classes cat, dog"
    assert lines[2] == "networks  random weights, Keras on tensorflow"
    assert lines[3:6] == [
        f"storage   {tmp_path} is writable",
        "weights   random, nothing is loaded",
        "photographs 80 of 80 were checked, all are there",
    ]
    assert lines[6].startswith("stage lr, with ")
    assert [line.split()[1:] for line in lines if "  to train  " in line] == [
        ["to", "train", value] for value in ("0.1", "0.001", "0.0003", "1e-05")
    ]
    assert lines[-1].startswith("4 trials to train, about ")
    assert lines[-1].endswith("(a rough guess, nothing was timed here yet)")


@pytest.mark.parametrize(
    ("stage", "share"),
    [
        ("--stage batch_size", "17%"),
        ("--mode joint", "17%"),
        ("--mode joint --search tpe --num-samples 9 --vary lr,batch_size", "17%"),
        ("--stage lr --batch-size 1", "100%"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_dry_run_warns_once_of_batch_size_1(capsys: Capture, stage: str, share: str) -> None:
    assert main(argv("--dry-run", stage)) == 0
    said = capsys.readouterr().err
    assert said.count(SINGLE) == 1
    assert f"{share} of the trials to come have it\n" in said


@pytest.mark.parametrize("stage", ["--stage lr", "--stage dropout", "--stage lr --backbone hassner"])
@pytest.mark.usefixtures("manifest")
def test_dry_run_without_batch_size_1_warns_of_nothing(capsys: Capture, stage: str) -> None:
    assert main(argv("--dry-run", stage)) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("manifest")
def test_dry_run_as_json(capsys: Capture) -> None:
    said = dry_run(capsys)
    assert said["study"] == "m"
    assert [trial["config"]["learning_rate"] for trial in said["trials"]] == [0.1, 0.001, 0.0003, 0.00001]
    assert {trial["done"] for trial in said["trials"]} == {False}
    assert said["estimated_seconds"] > 12


@pytest.mark.parametrize("stage", ["--stage lr", "--stage all --repeats 3", "--mode joint"])
@pytest.mark.usefixtures("manifest")
def test_dry_run_writes_nothing(tmp_path: Path, capsys: Capture, stage: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    dry_run(capsys, stage=stage)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("study")
def test_dry_run_knows_what_is_done_and_how_long_it_took(capsys: Capture) -> None:
    said = dry_run(capsys)
    assert [trial["done"] for trial in said["trials"]] == [True, False, False, False]
    images = 80 * 6.96 * 0.006  # GFLOP, and seconds for one
    assert said["estimated_seconds"] == pytest.approx(3 * 20 * 2.0 + images + 9)  # nothing compiled


def test_dry_run_takes_over_the_winners_of_the_study(study: Path, capsys: Capture) -> None:
    files = StageFiles(study)
    files.write(make_stage_result("batch_size", "batch_size", winner=TrialConfig(batch_size=16)))
    assert {trial["config"]["batch_size"] for trial in dry_run(capsys)["trials"]} == {16}
    assert {trial["config"]["batch_size"] for trial in dry_run(capsys, "--batch-size 8")["trials"]} == {8}


def test_dry_run_leaves_a_study_that_was_not_begun_as_it_is(
    manifest: Path, tmp_path: Path, capsys: Capture
) -> None:
    open_study(tmp_path / "results" / "m", problem_of(manifest).facts())
    before = files_below(tmp_path)
    dry_run(capsys, "--split folds")
    assert files_below(tmp_path) == before


@pytest.mark.parametrize(
    ("stage", "options", "count"),
    [
        ("--stage lr", "--repeats 3", 12),
        ("--stage lr", "--split folds", 20),
        ("--stage all", "", 3 + 6 + 4 + 4 + 6 + 5 + 4),
        ("--mode joint", "", 576),
        ("--mode joint", "--search random --num-samples 5", 5),
        ("--mode joint", "--search tpe --num-samples 5", 0),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_dry_run_counts(capsys: Capture, stage: str, options: str, count: int) -> None:
    assert len(dry_run(capsys, options, stage)["trials"]) == count


def in_a_process(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from search.run import main; code = main(sys.argv[1:])\n"
    code += "print(sorted({'ray', 'keras', 'tensorflow', 'jax'} & set(sys.modules))); sys.exit(code)"
    command = [sys.executable, "-c", code, *argv(), *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("manifest")
def test_dry_run_imports_neither_ray_nor_keras(tmp_path: Path) -> None:
    done = in_a_process(tmp_path, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"


def test_dry_run_says_a_damaged_ledger_file_in_one_line(study: Path, tmp_path: Path) -> None:
    (path,) = (study / "trials").iterdir()
    path.write_text("{")
    done = in_a_process(tmp_path, "--dry-run")
    assert done.returncode == 0
    assert done.stderr.startswith(f"warning: {path} is damaged (")
    assert done.stderr.count("\n") == 1
    assert path.read_text() == "{"


@pytest.mark.filterwarnings("always:.* is damaged")  # and main prints it
def test_dry_run_names_a_damaged_stage_and_leaves_it(study: Path, capsys: Capture) -> None:
    path = StageFiles(study).write(make_stage_result("batch_size", winner=TrialConfig(batch_size=16)))
    path.write_text("{")
    before = files_below(study)
    assert main(argv("--dry-run --json")) == 0
    said = capsys.readouterr()
    assert said.err.startswith(f"warning: {path} is damaged (")
    assert said.err.endswith("; the next run of the stage decides it again from its trials\n")
    assert {trial["config"]["batch_size"] for trial in json.loads(said.out)["trials"]} == {32}
    assert files_below(study) == before


@pytest.mark.filterwarnings("always:.* is damaged")  # and main prints it
def test_run_moves_what_is_damaged_once_it_holds_the_study(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    path = StageFiles(study).write(make_stage_result("batch_size"))
    path.write_text("{")
    with held(study):
        assert main(argv()) == 1
    assert path.exists()
    monkeypatch.setattr(search_run, "head_start", search_noisily)
    assert main(argv()) == 1
    assert f"{path} is damaged" in capsys.readouterr().err
    assert (path.exists(), path.with_suffix(".damaged").exists()) == (False, True)


def test_signals_are_heard_before_what_takes_a_second_to_import() -> None:
    code = "import sys, search.run; print({'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
