"""ProgressDisplay: a live table on a terminal, one line per trial elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from data_prep.command_line.console import text_console
from search.callbacks.progress_display import ProgressDisplay
from search.study.descriptions import clock_time
from tests.search.makers import make_epochs, make_result, make_trial
from trainables.trial import Trial, TrialStatus

ONE, TWO, THREE, FOUR = (make_trial(seed=seed, epochs=4) for seed in (1, 2, 3, 4))


def label(trial: Trial) -> str:
    return f"head {trial.config.seed}"


class FakeClock:
    """Stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        """Returns the seconds that it was set to."""
        return self.now


def followed(
    follow: Callable[[ProgressDisplay, FakeClock], None], total: int = 4, *, terminal: bool = False
) -> str:
    clock, file = FakeClock(), StringIO()
    console = Console(file=file, width=100, force_terminal=terminal, color_system=None, legacy_windows=False)
    with ProgressDisplay("stage lr", total, label, console, clock=clock) as progress:
        follow(progress, clock)
    return file.getvalue()


def test_line_of_a_trial_that_ended() -> None:
    said = followed(lambda progress, clock: progress.trial_ended(make_result(ONE, 0.5, 0.75, 0.7, 0.75)))
    assert said == ("lr head 1: mean 0.6750, best 0.7500, 4 s (1/4, 0:00 left)\n")


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        (TrialStatus.FAILED, "the loss is nan in epoch 1", "FAILED: the loss is nan in epoch 1"),
        (TrialStatus.FAILED, "", "FAILED"),
        (TrialStatus.STOPPED, "stopped early by the scheduler", "STOPPED: stopped early by the scheduler"),
    ],
)
def test_line_of_a_trial_that_did_not_complete(status: TrialStatus, reason: str, outcome: str) -> None:
    result = make_result(ONE, status=status, reason=reason)
    said = followed(lambda progress, clock: progress.trial_ended(result), total=1)
    assert said == f"lr head 1: {outcome} (1/1)\n"


def test_line_is_not_wrapped_off_a_terminal() -> None:
    result = make_result(ONE, status=TrialStatus.FAILED, reason="because " * 40)
    assert followed(lambda progress, clock: progress.trial_ended(result)).count("\n") == 1


def test_nothing_is_printed_before_a_trial_ends_off_a_terminal() -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        progress.trial_started(ONE)
        progress.epoch_ended(ONE, make_epochs([0.5])[0])

    assert followed(follow) == ""


@pytest.mark.parametrize(("elapsed", "left"), [(10, "0:30 left"), (60, "3:00 left"), (1800, "1:30:00 left")])
def test_time_left_is_by_the_pace_so_far(elapsed: float, left: str) -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        clock.now += elapsed
        progress.trial_ended(make_result(ONE, 0.5))

    assert followed(follow).endswith(f"(1/4, {left})\n")


def test_time_left_leaves_out_what_was_before_the_first_trial() -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        clock.now += 1000  # Ray starts
        progress.trial_started(ONE)
        clock.now += 10
        progress.trial_ended(make_result(ONE, 0.5))

    assert followed(follow).endswith("(1/4, 0:30 left)\n")


def test_reason_with_brackets_is_told_as_it_is() -> None:
    file = StringIO()
    with ProgressDisplay("stage lr", 1, label, text_console(file)) as progress:
        progress.trial_ended(
            make_result(ONE, status=TrialStatus.FAILED, reason="no [/job:localhost/device:GPU:0]")
        )
    assert file.getvalue() == "lr head 1: FAILED: no [/job:localhost/device:GPU:0] (1/1)\n"


def test_live_table_keeps_its_figures_on_80_columns() -> None:
    file = StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system=None, legacy_windows=False)
    with ProgressDisplay("joint tpe", 4, lambda _: "learning rate 0.001, " * 6, console) as progress:
        progress.trial_started(TWO)
        for metrics in make_epochs([0.5, 0.6]):
            progress.epoch_ended(TWO, metrics)
        progress._live.refresh()
    assert re.search(r"2/\d+ .*0\.6000 +0\.5500", file.getvalue())


def test_time_left_counts_the_epochs_of_running_trials() -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        progress.trial_started(TWO)
        for metrics in make_epochs([0.5, 0.6]):
            progress.epoch_ended(TWO, metrics)
        clock.now += 30
        progress.trial_ended(make_result(ONE, 0.5))  # with the half of two: 1.5 of 4 in 30 s

    assert "(1/4, 0:50 left)" in followed(follow)


def test_time_left_of_trials_that_were_planned_counts_their_steps() -> None:
    sizes = [make_trial(batch_size=size) for size in (2, 32, 64)]

    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        progress.trials_planned(sizes)
        clock.now += 64
        progress.trial_ended(make_result(sizes[0], 0.5))  # 32 of 35 parts

    assert "(1/3, 0:06 left)" in followed(follow, total=3)


def test_time_left_is_silent_after_the_last_trial() -> None:
    assert followed(lambda progress, clock: progress.trial_ended(make_result(ONE, 0.5)), total=1).endswith(
        "(1/1)\n"
    )


def test_trial_that_starts_again_repeats_its_epochs() -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        for _ in range(2):
            progress.trial_started(TWO)
            progress.epoch_ended(TWO, make_epochs([0.5])[0])
        clock.now += 50
        progress.trial_ended(make_result(ONE, 0.5))  # 1.25 of 4 in 50 s

    assert "(1/4, 1:50 left)" in followed(follow)


def test_terminal_shows_running_trials_and_the_best() -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        clock.now += 10
        progress.trial_ended(make_result(ONE, 0.75))
        progress.trial_ended(make_result(THREE, 0.5))
        progress.trial_ended(make_result(FOUR, status=TrialStatus.FAILED))
        progress.trial_started(TWO)
        for metrics in make_epochs([0.5, 0.6]):
            progress.epoch_ended(TWO, metrics)

    said = followed(follow, terminal=True)
    assert "stage lr: 3 of 4 trials · best 0.7500 (head 1)" in said
    assert "mean val acc" in said
    assert " ".join(said.split("head 2")[-1].split()).startswith("2/4 ━")
    assert "0.5000 0.6000 0.5500" in " ".join(said.split("head 2")[-1].split())


def test_best_is_a_configuration_by_all_its_runs_and_no_lucky_fold() -> None:
    def follow(progress: ProgressDisplay, clock: FakeClock) -> None:
        first, second = ([make_trial(fold, dropout=rate, epochs=1) for fold in "ab"] for rate in (0.1, 0.2))
        progress.label = lambda trial: f"{trial.config.dropout}, seed {trial.config.seed}, {trial.split}"
        progress.trials_planned([*first, *second])
        for trial, value in zip((*second, *first), (0.75, 0.75, 0.875, 0.5), strict=True):
            progress.trial_ended(make_result(trial, value))
            if trial == second[0]:
                assert "best" not in progress.headline()
        assert progress.headline() == "stage lr: 4 of 4 trials · best 0.7500 (0.2)"

    followed(follow)


def test_terminal_says_starting_before_the_first_epoch() -> None:
    said = followed(lambda progress, clock: progress.trial_started(ONE), terminal=True)
    assert "stage lr: 0 of 4 trials · starting" in said
    assert "0/4" in said


def test_terminal_shows_nothing_where_nothing_is_to_do() -> None:
    assert followed(lambda progress, clock: None, total=0, terminal=True) == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (-3, "0:00"), (9.6, "0:10"), (61, "1:01"), (3599.7, "1:00:00"), (7325, "2:02:05")],
)
def test_clock_time(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown
