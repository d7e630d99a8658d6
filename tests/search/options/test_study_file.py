"""Study files: they do what the options do, to the key, and any option overrides them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.options.parser import read_options
from search.options.study_file import study_file
from search.run import main
from search.strategies.plans import joint_plan, stage_plans
from search.study.setup import Problem
from tests.search.makers import make_problem, write_small_manifest

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.toml"))


def keys(words: str, problem: Problem, folder: Path) -> list[str]:
    """Returns the keys of the trials that a command asks for, of data from a folder."""
    options = read_options(shlex.split(words)).for_data("folder")
    if options.is_joint:
        return [trial.key for trial in joint_plan(options, problem, folder).trials()]
    return [trial.key for plan in stage_plans(options, problem, folder) for trial in plan.trials()]


@pytest.mark.parametrize(
    "words",
    [
        "--stage all",
        "--stage lr --values 0.03,0.01",
        "--stage all --values lr=0.03,0.01 --values optimizer=adam,lion --repeats 2",
        "--stage all --order dropout,lr --learning-rate 0.1 --epochs 3",
        "--stage all --preset report --hidden-units none --batch-size 8",
        "--stage momentum --optimizer sgd --nesterov true",
        "--mode joint --values lr=0.03,0.01 --values neurons=none,64/32",
        "--mode joint --values optimizer=adam,sgd --values momentum=0,0.9 --seed 3",
        "--mode joint --search random --num-samples 7 --ranges --vary lr,dropout,l2 --warmup 2",
        "--mode joint --search random --num-samples 4 --values lr=1e-4..1e-1:log --values batch_size=8..64",
        "--mode joint --search random --num-samples 4 --scheduler pbt --dropout 0.1",
    ],
)
def test_study_file_does_what_the_options_do(words: str, tmp_path: Path) -> None:
    problem, path = make_problem(tmp_path), tmp_path / "study.toml"
    path.write_text(study_file(read_options(shlex.split(words)).for_data("folder"), "random"))
    assert keys(str(path), problem, tmp_path) == keys(words, problem, tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study file with stages, a held value, and a joint search."""
    text = """
    data = "faces.parquet"
    repeats = 3
    [stages]
    lr = [0.03, 0.01]
    dropout = [0.0, 0.5]
    l2 = "1e-6..1e-2:log"
    [held]
    epochs = 5
    [joint]
    search = "random"
    num-samples = 4
    vary = ["lr", "l2"]
    """
    (tmp_path / "s.toml").write_text(text)
    return tmp_path / "s.toml"


def test_option_behind_a_study_file_overrides_it(path: Path) -> None:
    options = read_options([str(path), "--stage", "lr", "--repeats", "1", "--values", "0.5,0.25"])
    assert (options.stage, options.deciding.repeats, options.given) == ("lr", 1, {"epochs": 5})
    assert options.given_values == {"lr": (0.5, 0.25)}
    assert str(options.data.manifest) == "faces.parquet"


def test_hyperparameter_that_is_held_is_no_stage_of_the_file(path: Path) -> None:
    options = read_options([str(path), "--learning-rate", "0.1", "--values", "l2=0,0.1"])
    assert options.stage_names == ("dropout", "l2")


def test_joint_search_of_a_study_file_varies_what_it_says(path: Path) -> None:
    options = read_options([str(path), "--mode", "joint"])
    assert list(options.space_to_try()) == ["learning_rate", "l2"]
    assert options.joint.num_samples == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("repeat = 3", "there is no option repeat in {path}; did you mean repeats?"),
        ("[stages]\nlearning_rate = [1]", "there is no option learning_rate in [stages] of {path}"),
        ("[held]\nlr = 1", "there is no option lr in [held] of {path}"),
        ("stages = 3", "stages in {path} must be a table [stages], received 3"),
        ("[stages]\nlr = [0.1, 0.1]", "lr has the value 0.1 twice; leave one out"),
        ("[stages", "the study file {path} cannot be read (Expected ']'"),
        ("[held]\nmomentum = 0.9", "momentum 0.9 goes with optimizer sgd only, received optimizer adam"),
    ],
)
def test_study_file_that_cannot_be_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(said.format(path=path))):
        read_options([str(path)])


def test_study_file_keeps_what_a_joint_search_begins_with(tmp_path: Path) -> None:
    words = ["--mode", "joint", "--start-from", "faces"]
    (tmp_path / "s.toml").write_text(study_file(read_options(words).for_data("folder"), "random"))
    assert read_options([str(tmp_path / "s.toml")]).joint.start_from == "faces"


def test_word_that_is_no_study_file_is_refused() -> None:
    with pytest.raises(InputError, match=r"a study file ends in .toml, received 'lr'"):
        read_options(["lr"])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_can_be_planned(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_small_manifest(tmp_path, "faces.parquet")
    assert main([str(example), "--dry-run"]) == 0
    assert " to train, about " in capsys.readouterr().out
