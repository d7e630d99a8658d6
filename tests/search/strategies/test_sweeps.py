"""Stages one after the other: the order, what is handed over, and when sweeps end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_prep.errors import InputError
from search.space.stages import STAGES, Stage, parse_order
from search.strategies.plans import base_of
from search.strategies.sweeps import earlier_results, put_damaged_aside, run_sequence, to_decide_again
from search.study.descriptions import describe_sweep
from search.study.stage_results import StageFiles, StageResult
from tests.search.makers import make_stage_result, unseal
from trainables.trial import TrialConfig

ORDER = ("batch_size", "lr", "dropout")


class FakeStages:
    """Runs stages by lookup: `choose` says which value wins, None for no winner; `calls` remembers all."""

    def __init__(self, choose: Callable[[Stage, TrialConfig, int], Any]) -> None:
        self.choose = choose
        self.calls: list[tuple[str, int, list[str]]] = []

    def __call__(self, name: str, before: Sequence[StageResult], sweep: int) -> StageResult:
        stage = STAGES[name]
        self.calls.append((stage.name, sweep, [result.stage for result in before]))
        base, _ = base_of(before, {}, {})
        value = self.choose(stage, base, sweep)
        winner = None if value is None else replace(base, **{stage.hyperparameter: value})
        return make_stage_result(
            stage.name, stage.hyperparameter, sweep=sweep, base=base, winner=winner, entries=()
        )


def first_value(stage: Stage, base: TrialConfig, sweep: int) -> Any:
    return stage.values[0]


def changes_once(stage: Stage, base: TrialConfig, sweep: int) -> Any:
    return 0.4 if stage.name == "dropout" and sweep > 1 else stage.values[0]


def run_all(tmp_path: Path, run: FakeStages, sweeps: int = 1) -> list[StageResult]:
    return list(run_sequence(ORDER, ORDER, sweeps, StageFiles(tmp_path), run))


def test_sequence_hands_each_winner_to_the_next(tmp_path: Path) -> None:
    run = FakeStages(first_value)
    last = run_all(tmp_path, run)[-1]
    assert run.calls == [
        ("batch_size", 1, []),
        ("lr", 1, ["batch_size"]),
        ("dropout", 1, ["batch_size", "lr"]),
    ]
    assert last.winner == TrialConfig(batch_size=1, learning_rate=0.1, dropout=0.0)


def test_sequence_keeps_each_result_before_the_next_stage_runs(tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    for result in run_sequence(ORDER, ORDER, 1, files, FakeStages(first_value)):
        assert files.read(result.stage) == result


def test_damaged_stage_is_moved_aside_and_decided_again(tmp_path: Path) -> None:
    files, run = StageFiles(tmp_path), FakeStages(first_value)
    run_all(tmp_path, run)
    files.path("lr").write_text("{")
    with pytest.warns(UserWarning, match=r"lr\.json is damaged .* decides it again .*; moved to lr\.damaged"):
        put_damaged_aside(files)
    assert to_decide_again(ORDER, files) == ["lr"]
    list(run_sequence(to_decide_again(ORDER, files), ORDER, 1, files, run))
    assert run.calls[-1] == ("lr", 1, ["batch_size"])
    assert to_decide_again(ORDER, files) == []


def test_stage_of_another_version_is_no_damage(tmp_path: Path) -> None:
    path = StageFiles(tmp_path).write(make_stage_result("lr"))
    unseal(path, format=99)
    with pytest.raises(InputError, match="its format is 99, this version reads"):
        put_damaged_aside(StageFiles(tmp_path))
    assert path.exists()


def test_sequence_of_one_stage_takes_over_what_the_study_has(tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    files.write(make_stage_result("batch_size", "batch_size", winner=TrialConfig(batch_size=4)))
    files.write(make_stage_result("dropout", "dropout", winner=TrialConfig(dropout=0.5)))
    run = FakeStages(first_value)
    (result,) = run_sequence(["lr"], ORDER, 1, files, run)
    assert run.calls == [("lr", 1, ["batch_size"])]
    assert result.winner == TrialConfig(batch_size=4, learning_rate=0.1)


def test_sequence_ends_at_a_stage_without_winner(tmp_path: Path) -> None:
    run = FakeStages(lambda stage, base, sweep: None if stage.name == "lr" else stage.values[0])
    results = run_all(tmp_path, run, sweeps=3)
    assert [(result.stage, result.winner is None) for result in results] == [
        ("batch_size", False),
        ("lr", True),
    ]


def test_sweeps_end_when_nothing_changes(tmp_path: Path) -> None:
    results = run_all(tmp_path, FakeStages(first_value), sweeps=5)
    assert [(result.stage, result.sweep) for result in results] == [
        (stage, sweep) for sweep in (1, 2) for stage in ORDER
    ]


def test_sweeps_go_on_while_something_changes(tmp_path: Path) -> None:
    results = run_all(tmp_path, FakeStages(changes_once), sweeps=5)
    assert [result.sweep for result in results] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_sweeps_end_at_their_number(tmp_path: Path) -> None:
    results = run_all(tmp_path, FakeStages(changes_once), sweeps=2)
    assert results[-1].sweep == 2


def test_second_sweep_takes_over_all_other_winners(tmp_path: Path) -> None:
    run = FakeStages(first_value)
    run_all(tmp_path, run, sweeps=2)
    assert run.calls[3:] == [
        ("batch_size", 2, ["lr", "dropout"]),
        ("lr", 2, ["batch_size", "dropout"]),
        ("dropout", 2, ["batch_size", "lr"]),
    ]


def test_second_sweep_lies_beside_the_first(tmp_path: Path) -> None:
    run_all(tmp_path, FakeStages(changes_once), sweeps=2)
    first, second = (StageFiles(tmp_path).read("dropout", sweep) for sweep in (1, 2))
    assert first
    assert second
    assert (first.winner.dropout, second.winner.dropout) == (0.0, 0.4)


def repeated(results: Sequence[StageResult]) -> list[StageResult]:
    return [replace(result, verdict="tied") for result in results]


def test_describe_sweep_that_changed_nothing(tmp_path: Path) -> None:
    results = run_all(tmp_path, FakeStages(first_value), sweeps=2)
    assert describe_sweep(repeated(results), 2) == (
        "sweep 2 changed nothing: along these grids the hyperparameters do not interact"
    )


def test_describe_sweep_claims_nothing_from_single_runs(tmp_path: Path) -> None:
    nothing = run_all(tmp_path / "nothing", FakeStages(first_value), sweeps=2)
    changed = run_all(tmp_path / "changed", FakeStages(changes_once), sweeps=2)
    assert describe_sweep(nothing, 2) == (
        "sweep 2 changed nothing, in single runs, which do not tell whether hyperparameters interact; "
        "--repeats auto tells more"
    )
    assert describe_sweep(changed, 2) == (
        "sweep 2 changed dropout 0 to 0.4, in single runs, so it may be chance; --repeats auto tells more"
    )


def test_describe_sweep_names_what_changed(tmp_path: Path) -> None:
    results = run_all(tmp_path, FakeStages(changes_once), sweeps=2)
    expected = "sweep 2 changed dropout 0 to 0.4: these hyperparameters interact"
    assert describe_sweep(repeated(results), 2) == expected


def test_describe_sweep_shows_widths_as_a_user_types_them() -> None:
    first, second = (
        make_stage_result("neurons", "hidden_units", sweep=sweep, winner=TrialConfig(hidden_units=widths))
        for sweep, widths in ((1, (256, 128, 64)), (2, (512, 512, 512)))
    )
    assert "neurons 256/128/64 to 512/512/512" in describe_sweep([first, second], 2)


def test_describe_sweep_of_one_stage_says_nothing_of_interaction() -> None:
    results = [make_stage_result("lr", "learning_rate", sweep=sweep) for sweep in (1, 2)]
    assert describe_sweep(results, 2) == "sweep 2 changed nothing, as there is one stage only"


def test_earlier_results_are_those_before_it_in_the_order(tmp_path: Path) -> None:
    files = StageFiles(tmp_path)
    for name in ("dropout", "batch_size"):
        files.write(make_stage_result(name, STAGES[name].hyperparameter))
    assert [result.stage for result in earlier_results("lr", ORDER, files)] == ["batch_size"]
    assert [result.stage for result in earlier_results("lr", ("dropout", "lr"), files)] == ["dropout"]
    assert earlier_results("l2", ORDER, files) == []


@pytest.mark.parametrize(
    ("text", "names"), [("lr", ("lr",)), ("lr,dropout", ("lr", "dropout")), (" l2 , lr ", ("l2", "lr"))]
)
def test_parse_order(text: str, names: tuple[str, ...]) -> None:
    assert parse_order(text) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr,droput", r"a stage is one of backbone, .*, received 'droput'; did you mean dropout\?"),
        ("qqq", r"a stage is one of backbone, .*, received 'qqq'$"),
        ("lr,", r"received ''$"),
        ("lr,l2,lr", "a stage may be named once, lr is named 2 times; leave out one"),
    ],
)
def test_parse_order_refuses(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_order(text)
