"""One thread or two: what a trial takes in the long run."""

import pytest

from benchmarks.threads import in_words, summary, trial_s


def test_a_trial_in_the_long_run_leaves_the_first_round_out() -> None:
    assert trial_s([10.0, 12.0, 14.0, 16.0], 1) == 2.0
    assert trial_s([10.0, 11.0, 14.0, 15.0], 2) == 2.0


def test_summary_is_above_1_where_one_thread_is_faster() -> None:
    result = summary({1: [(20.0, [9.0, 10.0, 11.0, 12.0])], 2: [(30.0, [6.0, 8.0, 10.0, 12.0])]})
    assert result["trial_ratio"] == pytest.approx(2.0)
    assert result["wall_ratio"] == pytest.approx(1.5)
    words = in_words({"batch_size": 8, **result})
    assert words.startswith(
        "batch   8: a trial in the long run 2.00 s with two threads, 1.00 s as two at a time"
    )
