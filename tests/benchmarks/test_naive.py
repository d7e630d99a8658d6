"""The naive search: costs from runs, and arguments."""

import pytest

from benchmarks import naive
from benchmarks.measure import Cost
from benchmarks.side_by_side import COLD, WARM, Run


def run(wall_s: float, epoch_seconds: list[float]) -> Run:
    trial = {"epoch_seconds": epoch_seconds}
    return Run(Cost(wall_s, 0.0), {"trials": [trial, trial], "images_per_second": 20.0})


def test_plain_costs_an_image_once() -> None:
    costs = naive.plain_costs([run(100.0, [30.0, 10.0])], images=200)
    assert costs.image_epoch_s == pytest.approx(0.05)
    assert costs.trial_overhead_s == pytest.approx((100 - 4 * 10) / 2)


def test_our_costs_explain_the_difference_of_a_cold_and_a_warm_run() -> None:
    runs = {COLD: [run(50.0, [3.0, 1.0])], WARM: [run(20.0, [3.0, 1.0])]}
    costs = naive.our_costs(runs, 200, {"batch 32, 64": 0.01})
    assert costs.image_s == pytest.approx(0.05)
    assert costs.extraction_overhead_s == pytest.approx(50 - 20 - 200 * 0.05)
    assert costs.trial_overhead_s == pytest.approx((20 - 4 * 1) / 2)


@pytest.mark.parametrize(("seconds", "words"), [(90.0, "1.5 min"), (5400.0, "1.5 h")])
def test_durations_are_in_minutes_or_hours(seconds: float, words: str) -> None:
    assert naive._duration(seconds) == words


@pytest.mark.parametrize("text", ["0", "5", "all"])
def test_trials_are_learning_rates_of_the_stage(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        naive._parser().parse_args(["--trials", text])
    assert f"the stage lr has 1 to 4 trials, received '{text}'" in capsys.readouterr().err
