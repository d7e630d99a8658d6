"""What a searcher asked for: counted, never trained twice, and remembered by the next run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.strategies.suggestions import Suggestions
from search.study.ledger import Ledger
from tests.search.makers import make_result, make_trial
from trainables.trial import Trial, TrialResult, TrialStatus

SETTINGS = {"search": "tpe", "num_samples": 3, "space": {"dropout": (0.0, 0.5)}}
ONE, TWO, THREE = (make_trial(seed=seed) for seed in (1, 2, 3))


def suggestions_in(tmp_path: Path, samples: int = 3, **settings: Any) -> Suggestions:
    ledger = Ledger(tmp_path)
    return Suggestions(samples, {**SETTINGS, **settings}, ledger.find, ledger, tmp_path / "joint/tpe.json")


def train(tmp_path: Path, trial: Trial, *accuracies: float, **fields: Any) -> TrialResult:
    result = make_result(trial, *accuracies, **fields)
    Ledger(tmp_path).record(result)
    return result


def test_ask_for_a_new_trial_gives_it_for_training(tmp_path: Path) -> None:
    assert suggestions_in(tmp_path).ask(ONE) is ONE


def test_ask_again_while_it_trains_says_wait(tmp_path: Path) -> None:
    suggestions = suggestions_in(tmp_path)
    suggestions.ask(ONE)
    assert suggestions.ask(ONE) is None
    assert suggestions.missing() == 2


def test_ask_again_after_it_trained_gives_its_value_and_counts_once(tmp_path: Path) -> None:
    suggestions = suggestions_in(tmp_path)
    suggestions.ask(ONE)
    train(tmp_path, ONE, 0.5, 0.75)
    assert suggestions.ask(ONE) == 0.625
    assert suggestions.missing() == 2


def test_ask_for_what_the_ledger_has_is_told_counted_and_marked(tmp_path: Path) -> None:
    known = train(tmp_path, ONE, 0.5)
    suggestions = suggestions_in(tmp_path)
    assert suggestions.ask(ONE) == 0.5
    assert suggestions.missing() == 2
    assert suggestions.reused == {ONE.key: known}


def test_ask_for_a_failed_one_tells_the_worst_value(tmp_path: Path) -> None:
    train(tmp_path, ONE, status=TrialStatus.FAILED, reason="diverged")
    assert suggestions_in(tmp_path).ask(ONE) == 0.0


def test_full_after_as_many_as_may_be(tmp_path: Path) -> None:
    suggestions = suggestions_in(tmp_path, samples=2)
    assert not suggestions.full()
    suggestions.ask(ONE)
    suggestions.ask(TWO)
    assert suggestions.full()
    assert suggestions.missing() == 0


def test_results_are_those_that_ended_in_the_order_asked(tmp_path: Path) -> None:
    suggestions = suggestions_in(tmp_path)
    for trial in (THREE, ONE, TWO):
        suggestions.ask(trial)
    for trial in (ONE, THREE):
        train(tmp_path, trial, 0.5)
    assert list(suggestions.results()) == [THREE.key, ONE.key]


def test_trained_now_is_not_marked_reused(tmp_path: Path) -> None:
    suggestions = suggestions_in(tmp_path)
    suggestions.ask(ONE)
    train(tmp_path, ONE, 0.5)
    assert suggestions.reused == {}
    assert list(suggestions.results()) == [ONE.key]


def test_next_run_continues_with_what_ended(tmp_path: Path) -> None:
    first = suggestions_in(tmp_path)
    first.ask(ONE)
    first.ask(TWO)
    ended = train(tmp_path, ONE, 0.5)
    second = suggestions_in(tmp_path)
    assert second.missing() == 2
    assert second.known_before == [ended]
    assert second.ask(TWO) is TWO


def test_next_run_with_a_larger_budget_continues(tmp_path: Path) -> None:
    suggestions_in(tmp_path).ask(ONE)
    train(tmp_path, ONE, 0.5)
    assert suggestions_in(tmp_path, samples=9, num_samples=9, time_budget_s=60).missing() == 8


def test_next_run_with_other_settings_starts_anew(tmp_path: Path) -> None:
    suggestions_in(tmp_path).ask(ONE)
    train(tmp_path, ONE, 0.5)
    other = suggestions_in(tmp_path, space={"dropout": (0.0, 0.4)})
    assert other.missing() == 3
    assert other.known_before == []
    assert other.ask(ONE) == 0.5  # the ledger has it nevertheless


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": {}}', '{"settings": 3, "asked": []}', "\xff"])
def test_next_run_after_a_damaged_file_starts_anew(tmp_path: Path, text: str) -> None:
    suggestions_in(tmp_path).ask(ONE)
    train(tmp_path, ONE, 0.5)
    (tmp_path / "joint/tpe.json").write_text(text, "latin-1")
    assert suggestions_in(tmp_path).missing() == 3
