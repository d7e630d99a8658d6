from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.statistics.paired_tests import Comparison, Scores
from search.statistics.selection import Selection, race, select

Study = list[dict[tuple[str, int], float]]
Make = Callable[[int, np.random.Generator], Iterator[Study]]

BETTER = 2.0  # standard deviations of the run-to-run noise


def runs_of(*scores: float, split: str = "random") -> dict[tuple[str, int], float]:
    return {(split, 7 + number): score for number, score in enumerate(scores)}


def folds_of(*folds: tuple[float, ...]) -> dict[tuple[str, int], float]:
    return {
        run: score
        for number, scores in enumerate(folds)
        for run, score in runs_of(*scores, split=f"fold-{number}").items()
    }


def studies(
    candidates: int,
    repeats: int,
    *,
    better: float = 0.0,
    worse: int = 0,
    step: float = 0.0,
    behind: float = 0.0,
) -> Make:
    """Normal scores with noise of 1 and a larger effect of the seed; the last `worse` are far behind.

    With `behind` each is that much behind the one before it.
    """

    def make(count: int, rng: np.random.Generator) -> Iterator[Study]:
        means = np.array([better] + [0.0] * (candidates - 1 - worse) + [-8.0] * worse)
        means -= behind * np.arange(candidates)
        for _ in range(count):
            scores = means[:, None] + 3 * rng.normal(size=repeats) + rng.normal(size=(candidates, repeats))
            yield [runs_of(*(np.round(row / step) * step if step else row).tolist()) for row in scores]

    return make


def fold_studies(candidates: int, repeats: int, correlation: float) -> Make:
    """Five folds whose scores have that correlation within a candidate, with less noise from the seed."""

    def make(count: int, rng: np.random.Generator) -> Iterator[Study]:
        for _ in range(count):
            common = 3 * rng.normal(size=(5, repeats))
            shared, own = rng.normal(size=(candidates, 1, 1)), rng.normal(size=(candidates, 5, 1))
            noise = 0.1 * rng.normal(size=(candidates, 5, repeats))
            scores = common + math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own + noise
            yield [folds_of(*map(tuple, folds.tolist())) for folds in scores]

    return make


def share_clear(
    make: Make, count: int, decide: Callable[[Study], Selection], winner: int | None = None
) -> float:
    selections = [decide(study) for study in make(count, np.random.default_rng(7))]
    return sum(found.verdict == "clear" and winner in (None, found.winner) for found in selections) / len(
        selections
    )


def raced(study: Study) -> Selection:
    outcome = race(study)
    assert not outcome.need
    return outcome.selection


def bound(count: int) -> float:
    """What a true rate of 5 % exceeds in one test of a thousand."""
    return float(stats.binom.ppf(0.999, count, 0.05)) / count


@pytest.mark.parametrize("candidates", [4, 6])
@pytest.mark.parametrize("repeats", [3, 5, 10])
def test_select_rarely_finds_a_winner_among_equals(candidates: int, repeats: int) -> None:
    assert share_clear(studies(candidates, repeats), 400, select) <= 0.05


@pytest.mark.parametrize(
    "make",
    [
        studies(2, 3),
        studies(2, 5),
        studies(2, 10),
        studies(6, 5, worse=4),
        studies(2, 3, step=1.0),
        studies(2, 5, step=1.0),
        fold_studies(2, 1, correlation=0.2),
        fold_studies(2, 3, correlation=0.2),
    ],
    ids=["3", "5", "10", "four worse", "steps 3", "steps 5", "folds", "folds and seeds"],
)
def test_select_keeps_the_level_between_two_equals(make: Make) -> None:
    # the level is met exactly here, so that a fair count is above it half of the time
    assert share_clear(make, 1500, select) <= bound(1500)


@pytest.mark.parametrize("candidates", [4, 6])
@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("correlation", [0.2, 0.5])
def test_select_rarely_finds_a_winner_among_equals_over_folds(
    candidates: int, repeats: int, correlation: float
) -> None:
    assert share_clear(fold_studies(candidates, repeats, correlation), 600, select) <= 0.05


def test_select_between_two_equals_is_too_sure_where_folds_are_closer_than_assumed() -> None:
    # the limit that the module states; the correction assumes a correlation of 0.2
    assert share_clear(fold_studies(2, 3, correlation=0.5), 1000, select) == pytest.approx(0.17, abs=0.04)


@pytest.mark.parametrize(
    ("candidates", "repeats", "power"),
    [
        (2, 3, 0.29),
        (2, 5, 0.66),
        (2, 10, 0.98),
        (4, 3, 0.05),
        (4, 5, 0.40),
        (4, 10, 0.94),
        (6, 3, 0.01),
        (6, 5, 0.27),
        (6, 10, 0.92),
    ],
)
def test_select_finds_a_true_winner_as_often_as_documented(
    candidates: int, repeats: int, power: float
) -> None:
    make = studies(candidates, repeats, better=BETTER)
    assert share_clear(make, 1000, select, winner=0) == pytest.approx(power, abs=0.03)


@pytest.mark.parametrize("make", [studies(4, 10), studies(6, 10)], ids=["4", "6"])
def test_race_rarely_finds_a_winner_among_equals(make: Make) -> None:
    assert share_clear(make, 200, raced) <= 0.05


@pytest.mark.parametrize("make", [studies(2, 10), studies(6, 10, worse=4)], ids=["2", "four worse"])
def test_race_keeps_the_level_between_two_equals(make: Make) -> None:
    assert share_clear(make, 500, raced) <= bound(500)


@pytest.mark.parametrize(
    ("make", "power", "share"),
    [
        (studies(2, 10, better=BETTER), 0.93, 0.68),
        pytest.param(studies(4, 10, better=BETTER), 0.85, 0.76, marks=pytest.mark.slow),
        (studies(6, 10, better=BETTER), 0.76, 0.79),
        pytest.param(studies(6, 10, better=BETTER, worse=3), 0.90, 0.57, marks=pytest.mark.slow),
        (studies(6, 10, behind=BETTER), 0.94, 0.54),
    ],
    ids=["2", "4", "6", "6, three far behind", "6, each behind the last"],
)
def test_race_finds_a_true_winner_with_fewer_runs_as_documented(
    make: Make, power: float, share: float
) -> None:
    made = list(make(400, np.random.default_rng(7)))
    found = [raced(study) for study in made]
    won = [selection.verdict == "clear" and selection.winner == 0 for selection in found]
    assert np.mean(won) == pytest.approx(power, abs=0.04)
    used = [runs_used(selection) for selection in found]
    assert np.mean(used) / (len(made[0]) * 10) == pytest.approx(share, abs=0.03)


def is_called_equivalent(selection: Selection, apart: set[int]) -> bool:
    """Whether the winner and one that is truly the margin away from it are called equivalent."""
    winner = selection.winner
    return any(
        bool(found and found.equivalent) and ((number in apart) != (winner in apart))
        for number, found in enumerate(selection.comparisons)
    )


@pytest.mark.parametrize("noise", [0.2, 1.0])
@pytest.mark.parametrize(
    ("decide", "repeats"), [(select, 3), (select, 10), (raced, 10)], ids=["3", "10", "race"]
)
@pytest.mark.parametrize("candidates", [2, 4])
def test_values_a_margin_apart_are_rarely_called_equivalent(
    candidates: int, decide: Callable[..., Selection], repeats: int, noise: float
) -> None:
    rng, count = np.random.default_rng(5), 300
    means = np.array([0.005] + [0.0] * (candidates - 1))
    wrong = 0
    for scores in means[None, :, None] + 0.005 * noise * rng.normal(size=(count, candidates, repeats)):
        selection = decide([runs_of(*row.tolist()) for row in scores])
        wrong += is_called_equivalent(selection, {0})
    assert wrong / count <= bound(count)


def test_equal_values_with_little_noise_are_equivalent_within_few_repeats() -> None:
    rng = np.random.default_rng(5)
    made = 0.001 * rng.normal(size=(100, 4, 10))
    found = [raced([runs_of(*row.tolist()) for row in scores]) for scores in made]
    assert np.mean([selection.verdict == "equivalent" for selection in found]) >= 0.95
    assert np.mean([runs_used(selection) for selection in found]) <= 0.6 * 40


def test_race_ends_where_all_that_is_left_is_equivalent() -> None:
    scores = [runs_of(*[base + step for step in (0, 1e-4, 2e-4)]) for base in (0.9, 0.9)]
    scores[1] = runs_of(0.9001, 0.9, 0.9003)
    far = runs_of(0.5, 0.51, 0.49)
    outcome = race([*scores, far])
    assert outcome.need == ()
    assert outcome.selection.verdict == "equivalent"
    assert [found and found.equivalent for found in outcome.selection.comparisons] in (
        [None, True, False],
        [True, None, False],
    )


def test_select_is_equivalent_where_both_one_sided_tests_say_so() -> None:
    best, other = (0.910, 0.912, 0.911, 0.913), (0.909, 0.912, 0.911, 0.911)
    differences = np.subtract(best, other)
    expected = max(
        float(stats.ttest_1samp(differences, side, alternative=way).pvalue)
        for side, way in ((-0.003, "greater"), (0.003, "less"))
    )
    scores = [runs_of(*best), runs_of(*other)]
    assert select(scores, margin=0.003, level=expected * 1.001).verdict == "equivalent"
    assert select(scores, margin=0.003, level=expected * 0.999).verdict == "undecided"


@pytest.mark.parametrize(("true", "noise"), [(0.02, 0.01), (0.0, 0.003)], ids=["apart", "equivalent"])
def test_the_number_of_repeats_that_would_tell_mostly_does(true: float, noise: float) -> None:
    steps = noise * math.sqrt(2) * np.array([-1.0, 0.0, 1.0])  # three repeats with just this spread
    needed = select([runs_of(*(true + steps).tolist()), runs_of(0.0, 0.0, 0.0)]).needed
    assert needed
    rng = np.random.default_rng(6)
    made = true + noise * math.sqrt(2) * rng.normal(size=(400, needed))
    zeros = runs_of(*[0.0] * needed)
    told = [select([runs_of(*row.tolist()), zeros]).verdict in ("clear", "equivalent") for row in made]
    assert 0.72 <= np.mean(told) <= 0.92


@pytest.mark.parametrize(
    ("scores", "verdict", "needed"),
    [
        ([runs_of(0.8, 0.7, 0.3), runs_of(0.7, 0.6, 0.2)], "undecided", 6),
        ([runs_of(0.9, 0.8), runs_of(0.9, 0.8)], "undecided", 5),
        ([runs_of(0.9051, 0.8, 0.7), runs_of(0.8, 0.8999, 0.7)], "tied", None),
        ([folds_of((0.9,), (0.8,)), folds_of((0.8,), (0.85,))], "tied", None),
    ],
    ids=["constant", "the same", "a hundred repeats would not tell", "folds"],
)
def test_select_says_how_many_repeats_would_tell(
    scores: list[Scores], verdict: str, needed: int | None
) -> None:
    selection = select(scores)
    assert (selection.verdict, selection.needed) == (verdict, needed)


@pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
def test_margin_that_is_no_distance_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match=r"a margin must be 0 or more, received"):
        select([], margin=margin)


def against(selection: Selection, number: int) -> Comparison:
    comparison = selection.comparisons[number]
    assert comparison is not None
    return comparison


def width(comparison: Comparison) -> float:
    assert comparison.interval is not None
    return comparison.interval[1] - comparison.interval[0]


def runs_used(selection: Selection) -> int:
    shared = [comparison.runs for comparison in selection.comparisons if comparison]
    return sum(shared) + max(shared)


def test_select_agrees_with_scipy_for_two_candidates() -> None:
    best, other = (0.91, 0.93, 0.90, 0.94), (0.90, 0.90, 0.91, 0.91)
    expected = stats.ttest_rel(best, other)
    found = against(select([runs_of(*best), runs_of(*other)]), 1)
    assert found.difference == pytest.approx(np.mean(best) - np.mean(other))
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (found.runs, found.tied) == (4, True)


@pytest.mark.parametrize("worst", [(0.94, 0.94, 0.91, 0.955), (0.94, 0.97, 0.93, 0.965)])
def test_select_corrects_for_the_number_of_comparisons(worst: tuple[float, ...]) -> None:
    best = (0.95, 0.96, 0.94, 0.97)
    others = [worst, (0.80, 0.83, 0.79, 0.82), (0.94, 0.945, 0.928, 0.95)]
    raw = [float(stats.ttest_rel(best, other).pvalue) for other in others]
    selection = select([runs_of(*best), *(runs_of(*other) for other in others)])
    found = [against(selection, number).p_value for number in (1, 2, 3)]
    assert found == pytest.approx(hochberg(raw))


def hochberg(p_values: list[float]) -> list[float]:
    """Hochberg's adjusted p values, written down as he has them."""
    falling = sorted(p_values, reverse=True)
    steps = [(number + 1) * value for number, value in enumerate(falling)]
    return [min(steps[: falling.index(value) + 1]) for value in p_values]


@pytest.mark.parametrize("seed", range(20))
def test_select_gives_intervals_that_hold_zero_where_tied(seed: int) -> None:
    (study,) = studies(6, 6, better=BETTER, worse=1)(1, np.random.default_rng(seed))
    for found in filter(None, select(study).comparisons):
        assert found.interval is not None
        assert (found.interval[0] <= 0 <= found.interval[1]) is found.tied


def test_select_widens_the_interval_over_folds() -> None:
    best, other = (0.91, 0.93, 0.90, 0.94, 0.95), (0.90, 0.90, 0.91, 0.91, 0.91)
    seeds = against(select([runs_of(*best), runs_of(*other)]), 1)
    once = select([folds_of(*((score,) for score in scores)) for scores in (best, other)])
    twice = select([folds_of(*((score, score) for score in scores)) for scores in (best, other)])
    folds = against(once, 1)
    assert width(folds) / width(seeds) == pytest.approx(math.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert (once.folds, folds.runs) == (5, 5)
    assert against(twice, 1) == replace(folds, runs=10)  # repeats count as one


def test_select_uses_the_ratio_of_few_folds() -> None:
    best, other = folds_of((0.9,), (0.8,), (0.95,)), folds_of((0.85,), (0.79,), (0.91,))
    found = against(select([best, other]), 1)
    differences = [0.05, 0.01, 0.04]
    error = np.std(differences, ddof=1) * math.sqrt(1 / 3 + 1 / 2)
    assert found.p_value == pytest.approx(2 * stats.t.sf(np.mean(differences) / error, 2))


@pytest.mark.parametrize(
    ("best", "other", "expected"),
    [
        (runs_of(0.9, 0.8), runs_of(0.9, 0.8), (0.0, (0.0, 0.0), 1.0, True)),
        (runs_of(*[0.3] * 3), runs_of(*[0.2] * 3), (0.1, None, 0.25, True)),
        (runs_of(0.8, 0.7, 0.3), runs_of(0.7, 0.6, 0.2), (0.1, None, 0.25, True)),
        (runs_of(*[0.3] * 6), runs_of(*[0.2] * 6), (0.1, None, 1 / 32, False)),
        (folds_of(*[(0.3,)] * 10), folds_of(*[(0.2,)] * 10), (0.1, None, 1.0, True)),
    ],
    ids=["identical", "constant", "constant but for rounding", "constant often", "constant over folds"],
)
def test_select_is_careful_where_differences_do_not_vary(
    best: Scores, other: Scores, expected: tuple[float, tuple[float, float] | None, float, bool]
) -> None:
    selection = select([best, other])
    found = against(selection, 1)
    difference, interval, p_value, tied = expected
    # no seed tells of other folds
    untold = "tied" if selection.folds > 1 else "undecided"
    assert (selection.winner, selection.verdict) == (0, untold if tied else "clear")
    assert found.difference == pytest.approx(difference)
    assert (found.interval, found.p_value, found.tied) == (interval, p_value, tied)


@pytest.mark.parametrize(
    ("scores", "winner", "verdict", "compared"),
    [
        ([], None, "none", []),
        ([{}, runs_of(math.nan)], None, "none", []),
        ([runs_of(0.9)], 0, "single", []),
        ([{}, runs_of(0.9, 0.8)], 1, "single", []),
        ([runs_of(0.9, math.nan), runs_of(0.8, 0.7)], 1, "single", []),
        ([runs_of(math.inf), runs_of(0.8)], 1, "single", []),
        ([runs_of(0.8), runs_of(0.9)], 1, "single", [0]),
        ([runs_of(0.8, 0.9), runs_of(0.9, 0.8)], 0, "tied", [1]),
        ([runs_of(0.1, 0.2, 0.1), {}, runs_of(0.9, 0.8, 0.9)], 2, "clear", [0]),
    ],
)
def test_select_chooses_the_best_of_those_that_finished(
    scores: list[Scores], winner: int | None, verdict: str, compared: list[int]
) -> None:
    selection = select(scores)
    assert (selection.winner, selection.verdict) == (winner, verdict)
    assert [number for number, found in enumerate(selection.comparisons) if found] == compared


def test_select_pairs_on_shared_runs_and_prefers_those_with_the_most() -> None:
    selection = select([runs_of(0.92, 0.95), runs_of(0.95, 0.97, 0.60, 0.62)])
    found = against(selection, 0)
    assert selection.winner == 1
    assert found.runs == 2
    assert found.difference == pytest.approx(0.025)


def test_select_without_shared_runs_makes_no_statement() -> None:
    selection = select([runs_of(0.75), runs_of(0.5, split="subject")])
    assert selection.comparisons[1] == Comparison(difference=0.25, runs=0)
    assert selection.verdict == "single"


SEVEN = (0.90, 0.91, 0.92, 0.90, 0.93, 0.91, 0.92)
NEAR = (0.901, 0.908, 0.921, 0.898, 0.932, 0.909, 0.918)
FAR = (0.80, 0.812, 0.819, 0.80, 0.83, 0.811, 0.82)


def test_race_starts_with_three_seeds_for_all() -> None:
    outcome = race([{}, runs_of(0.9, 0.8), runs_of(0.9, 0.8, 0.7), runs_of(0.9, math.nan)])
    assert outcome.need == (0, 1)
    assert (outcome.selection.winner, outcome.selection.verdict) == (None, "none")


def test_race_adds_seeds_only_to_those_not_told_apart() -> None:
    scores = [runs_of(*run[:3]) for run in (SEVEN, NEAR, FAR)]
    assert race(scores, maximum=4).need == (0, 1)
    scores[:2] = [runs_of(*run[:4]) for run in (SEVEN, NEAR)]
    outcome = race(scores, maximum=4)
    assert outcome.need == ()
    assert outcome.selection.verdict == "equivalent"
    assert [found and found.runs for found in outcome.selection.comparisons] == [None, 4, 3]
    assert [found and found.tied for found in outcome.selection.comparisons] == [None, True, False]


@pytest.mark.parametrize("seed", range(10))
def test_race_step_by_step_ends_as_in_one_go(seed: int) -> None:
    (study,) = studies(4, 10, better=BETTER, worse=2)(1, np.random.default_rng(seed))
    scores: Study = [{} for _ in study]
    while need := race(scores).need:
        for number in need[:1]:  # one run at a time, as if broken off after each
            run = list(study[number])[len(scores[number])]
            scores[number][run] = study[number][run]
    assert race(scores) == race(study)
    assert sum(map(len, scores)) == runs_used(race(study).selection)


def test_race_over_folds_asks_for_whole_seeds() -> None:
    whole = folds_of(*[(0.9, 0.8, 0.7)] * 2)
    partial = {run: score for run, score in whole.items() if run != ("fold-1", 9)}
    assert race([whole, partial]).need == (1,)


def test_race_ends_at_once_with_one_candidate() -> None:
    outcome = race([runs_of(0.9, 0.8, 0.7), runs_of(math.nan)])
    assert (outcome.need, outcome.selection.winner) == ((), 0)


def test_race_of_the_shortest_length_is_a_selection() -> None:
    scores = [runs_of(*run[:3]) for run in (SEVEN, NEAR, FAR)]
    assert race(scores, maximum=3).selection == select(scores)


def test_race_spends_more_of_the_level_at_a_later_look() -> None:
    scores = [runs_of(0.90, 0.91, 0.92, 0.90, 0.93), runs_of(0.89, 0.91, 0.90, 0.90, 0.92)]
    raced, plain = (
        against(found, 1).p_value for found in (race(scores, maximum=5).selection, select(scores))
    )
    assert plain is not None
    # three looks, which may spend 1.25 of the level in parts of 1, 2 and 3
    assert raced == pytest.approx(plain / (1.25 * 3 / 6))


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_level_outside_its_range_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=r"must lie between 0 and 1, received"):
        select([], level=level)
    with pytest.raises(ValueError, match=r"must lie between 0 and 1, received"):
        race([], level=level)


def test_race_shorter_than_its_start_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 3 repeats, received 2"):
        race([], maximum=2)
