from __future__ import annotations

import pytest

from search.statistics.baselines import NO_GAIN, Baseline, beside, better_than
from search.statistics.paired_tests import Scores

CONSTANT = Baseline(
    name="constant", title="always male", backbone="", accuracies={"random": 0.7692}, balanced={"random": 0.5}
)
LINEAR = Baseline(
    name="linear", title="linear", backbone="b", accuracies={"random": 0.885}, balanced={"random": 0.88}
)


def runs(*scores: float) -> Scores:
    return {("random", 7 + number): score for number, score in enumerate(scores)}


@pytest.mark.parametrize(
    ("scores", "better"),
    [
        ([runs(0.7654), runs(0.7692)], False),
        ([runs(0.7654), runs(0.8)], True),
        ([runs(0.79, 0.80, 0.81, 0.80)], True),
        ([runs(0.75, 0.80, 0.78), runs(0.6, 0.5, 0.7)], False),
        ([runs(0.6, 0.61, 0.62)], False),
        ([runs(0.79, 0.80, 0.81), *[runs(0.75, 0.80, 0.76)] * 40], False),
        ([{}], False),
        ([runs(0.9, 0.84)] * 5, True),
    ],
    ids=[
        *("single, not better", "single, better", "sure", "not sure", "worse", "one of many", "failed"),
        "two runs, told by the images",
    ],
)
def test_better_than_takes_the_paired_test_where_there_is_one(scores: list[Scores], better: bool) -> None:
    assert better_than(scores, CONSTANT.accuracies, {"random": 400}) is better


@pytest.mark.parametrize(("images", "better"), [(20, False), (80, True)])
def test_so_few_images_tell_only_a_large_difference(images: int, better: bool) -> None:
    scores = [runs(0.82, 0.98), runs(0.8, 0.9)]  # whose spread tells nothing, two runs each
    assert better_than(scores, {"random": 0.5}, {"random": images}) is better


def judged(scores: list[Scores], *baselines: Baseline) -> tuple[str, str]:
    return beside(
        baselines,
        scores,
        winner=0,
        backbone="b",
        decided=("clear", "a wins clearly"),
        margin=0.005,
        judged={"random": 400},
    )


def test_beside_the_constant_answer_nothing_won_which_is_said_first() -> None:
    verdict, words = judged([runs(0.75, 0.80, 0.78)], CONSTANT, LINEAR)
    assert verdict == NO_GAIN
    assert words == (
        "no winner: no value is better than always male, which is right for 0.7692, so nothing visible was "
        "learned; more data or epochs, other values or another backbone may help. Among them "
        "a wins clearly"
    )


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (runs(0.93, 0.94, 0.95), "0.9400, is better than {} by 0.0550"),
        (runs(0.88, 0.90, 0.89), "0.8900, is not clearly better than {}"),
        (runs(0.9), "0.9000, is above {}, in one run"),
        (runs(0.885), "0.8850, is not above {}, in one run"),
    ],
    ids=["better", "not told apart", "one run", "one run, equal"],
)
def test_beside_a_linear_classifier_it_is_said_how_the_winner_stands(scores: Scores, words: str) -> None:
    said = words.format("that of a linear classifier on the same features (0.8850)")
    expected = f"a wins clearly; its accuracy after the last epoch, {said}"
    assert judged([scores], CONSTANT, LINEAR) == ("clear", expected)


def test_without_a_linear_classifier_on_its_backbone_nothing_is_said() -> None:
    other = Baseline(**{**vars(LINEAR), "backbone": "another"})
    assert judged([runs(0.93, 0.94, 0.95)], CONSTANT, other) == ("clear", "a wins clearly")
