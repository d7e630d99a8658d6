"""Options become plans: which stages, which seeds, from which base, and what is still to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.errors import InputError
from data_prep.sources import default_name, manifest_of
from search.options.parser import parse_options
from search.options.search_options import SearchOptions
from search.space.joint_space import POPULATION_RANGES
from search.space.stages import STAGES
from search.strategies.plans import joint_plan, missing_trials, stage_plan, stage_plans
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import StageFiles
from tests.search.makers import make_problem, make_result, make_stage_result, write_small_manifest
from trainables.trial import TrialConfig


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    return make_problem(tmp_path)


def options(command: str) -> SearchOptions:
    return parse_options(command.split())


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("--stage lr", ["lr"]),
        ("--stage all", list(STAGES)),
        ("--stage all --order dropout,lr", ["dropout", "lr"]),
        ("--stage all --order dropout,lr --learning-rate 0.1", ["dropout"]),
    ],
)
def test_stage_names(command: str, names: list[str]) -> None:
    assert list(options(command).stage_names) == names


@pytest.mark.parametrize(
    ("command", "seeds", "race_to"),
    [
        ("", (7,), None),
        ("--repeats 3", (7, 8, 9), None),
        ("--repeats 2 --seed 100", (100, 101), None),
        ("--repeats auto", (7, 8, 9), 10),
        ("--repeats auto --max-repeats 5", (7, 8, 9), 5),
    ],
)
def test_stage_plan_has_seeds(
    problem: Problem, command: str, seeds: tuple[int, ...], race_to: int | None
) -> None:
    plan = stage_plan(options(f"--stage lr {command}"), problem, STAGES["lr"], [])
    assert (plan.seeds, plan.race_to) == (seeds, race_to)


def test_stage_plan_takes_given_values_and_says_where_the_others_come_from(problem: Problem) -> None:
    before = [make_stage_result("batch_size", "batch_size", winner=TrialConfig(batch_size=16))]
    plan = stage_plan(options("--stage lr --epochs 3"), problem, STAGES["lr"], before)
    assert (plan.base.batch_size, plan.base.epochs) == (16, 3)
    assert plan.taken_over["batch_size"] == "stage batch_size"
    assert plan.taken_over["epochs"] == "given"
    assert "learning_rate" not in plan.taken_over


@pytest.mark.parametrize(("sweep", "batch_size"), [(1, 64), (2, 32)])
def test_stage_plan_takes_what_the_stage_fixes_in_the_first_sweep(
    problem: Problem, sweep: int, batch_size: int
) -> None:
    plan = stage_plan(options("--stage all"), problem, STAGES["backbone"], [], sweep)
    assert (plan.sweep, plan.base.batch_size) == (sweep, batch_size)


def test_stage_plans_use_the_winners_that_are_known(problem: Problem, tmp_path: Path) -> None:
    StageFiles(tmp_path).write(make_stage_result("lr", winner=TrialConfig(learning_rate=0.1)))
    plans = stage_plans(options("--stage all --order lr,dropout"), problem, tmp_path)
    assert [plan.stage.name for plan in plans] == ["lr", "dropout"]
    assert plans[1].base.learning_rate == 0.1


@pytest.mark.parametrize(
    ("source", "preset", "statistics"),
    [
        ("adience", "", "momentum"),
        ("adience", "--preset heads", "exact"),
        ("adience", "--preset adience_gender", "exact"),
        ("folder", "", "exact"),
        ("folder", "--preset report", "momentum"),
    ],
)
def test_running_averages_are_the_reports_alone(
    tmp_path: Path, source: str, preset: str, statistics: str
) -> None:
    given = options(f"--stage lr {preset}").for_data(source)
    plan = stage_plan(given, make_problem(tmp_path, source=source), STAGES["lr"], [])
    assert plan.base.bn_statistics == statistics


def test_joint_plan_varies_the_grids_around_what_the_stages_found(problem: Problem, tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    files.write(make_stage_result("l2", "l2", winner=TrialConfig(l2=0.01)))
    files.write(make_stage_result("lr", winner=TrialConfig(learning_rate=0.1)))
    plan = joint_plan(options("--mode joint --epochs 3"), problem, tmp_path)
    assert list(plan.space) == ["batch_size", "learning_rate", "hidden_units", "dropout"]
    assert (plan.base.l2, plan.base.learning_rate, plan.base.epochs) == (0.01, 0.001, 3)
    assert plan.taken_over["l2"] == "stage l2"
    assert not set(plan.space) & set(plan.taken_over)


def test_joint_plan_carries_the_options(problem: Problem, tmp_path: Path) -> None:
    command = "--mode joint --search tpe --num-samples 40 --scheduler asha --time-budget 30m --repeats 3"
    plan = joint_plan(options(command), problem, tmp_path)
    assert (plan.search, plan.samples, plan.scheduler) == ("tpe", 40, "asha")
    assert (plan.time_budget_s, plan.repeats) == (1800, 3)


def test_joint_plan_of_a_population_draws_from_its_ranges_and_trains_everything(
    problem: Problem, tmp_path: Path
) -> None:
    command = "--mode joint --search random --num-samples 4 --scheduler pbt"
    plan = joint_plan(options(command), problem, tmp_path)
    assert plan.space == POPULATION_RANGES
    ledger = Ledger(tmp_path)
    for member in plan.trials():
        ledger.record(make_result(replace(member, start=""), 0.5))
    assert missing_trials(plan, ledger) == plan.trials()


def test_joint_plan_with_everything_given(problem: Problem, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a joint search needs a hyperparameter to vary"):
        joint_plan(options("--mode joint --vary lr --learning-rate 0.1"), problem, tmp_path)


@pytest.mark.parametrize(
    ("command", "name"), [("", "sample"), ("--data faces.parquet", "faces"), ("--data a/b.c.parquet", "b.c")]
)
def test_default_name_of_a_study_is_the_manifest(command: str, name: str) -> None:
    assert default_name(options(f"--stage lr {command}").data.manifest) == name


def test_manifest_is_the_one_given(tmp_path: Path) -> None:
    path = write_small_manifest(tmp_path)
    assert len(manifest_of(path)) == 80


def test_manifest_follows_the_data_root(tmp_path: Path) -> None:
    path = write_small_manifest(tmp_path / "there")
    (tmp_path / "there").rename(tmp_path / "here")
    moved = tmp_path / "here" / path.name
    assert manifest_of(moved, tmp_path / "here").root == tmp_path / "here"


def test_missing_trials_are_those_that_have_not_finished(problem: Problem, tmp_path: Path) -> None:
    plan = stage_plan(options("--stage lr"), problem, STAGES["lr"], [])
    first, *rest = plan.trials()
    ledger = Ledger(tmp_path)
    ledger.record(make_result(first, 0.5))
    assert missing_trials(plan, ledger) == rest


def test_joint_plan_begins_with_the_study_that_is_named(
    problem: Problem, tmp_path: Path, make_study: Callable[..., Path]
) -> None:
    folder = make_study(stages=("dropout",), epochs=2)
    words = "--mode joint --search random --num-samples 3 --vary lr,dropout --start-from"
    plan = joint_plan(options(f"{words} {folder}"), problem, tmp_path / "other")
    assert plan.trials()[0].config == plan.starts.configs[0]
    assert plan.starts.study == folder.name
    by_name = options(f"{words} {folder.name} --storage {folder.parent}")
    assert joint_plan(by_name, problem, tmp_path / "other").starts == plan.starts


def test_joint_plan_refuses_to_begin_with_its_own_study(
    problem: Problem, make_study: Callable[..., Path]
) -> None:
    folder = make_study(stages=("dropout",), epochs=2)
    with pytest.raises(InputError, match=r"^--start-from names another study, received .*; leave it out"):
        joint_plan(options(f"--mode joint --start-from {folder}"), problem, folder)


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("--stage augmentation --unfrozen-blocks 1", ["none", "flip", "crop_flip"]),
        ("--stage augmentation --backbone hassner --values flip,none", ["flip", "none"]),
        ("--stage mixup --backbone hassner", [0.0, 0.1, 0.2, 0.4]),
        ("--stage blocks --values 0,1,all", [0, 1, "all"]),
    ],
)
def test_stage_of_networks_on_images(problem: Problem, command: str, values: list[object]) -> None:
    asked = options(command)
    (plan,) = stage_plans(asked, problem, Path("nowhere"))
    name = asked.stage_called(str(asked.stage)).hyperparameter
    assert [getattr(trial.config, name) for trial in plan.trials()] == values


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("--stage mixup", "--stage mixup is of networks that train on images, received resnet50_v2 with"),
        (
            "--stage blocks --backbone hassner",
            "--stage blocks is of pretrained backbones, hassner is trained",
        ),
    ],
)
def test_stage_of_networks_on_images_is_refused_for_others(problem: Problem, command: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        stage_plans(options(command), problem, Path("nowhere"))


def test_blocks_of_backbones_side_by_side_are_refused_before_the_first_trial(problem: Problem) -> None:
    asked = options("--stage blocks --backbone keras:MobileNetV2+keras:MobileNet")
    (plan,) = stage_plans(asked, problem, Path("nowhere"))
    with pytest.raises(InputError, match=r"^blocks are unfrozen of one backbone of keras.applications, rec"):
        plan.trials()


def test_values_added_to_a_finished_stage_are_all_that_is_missing(problem: Problem, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    (finished,) = stage_plans(options("--stage lr --values 0.01,0.001"), problem, tmp_path)
    for trial in finished.trials():
        ledger.record(make_result(trial, 0.5))
    (more,) = stage_plans(options("--stage lr --values 0.001,0.03"), problem, tmp_path)
    assert [trial.config.learning_rate for trial in missing_trials(more, ledger)] == [0.03]
