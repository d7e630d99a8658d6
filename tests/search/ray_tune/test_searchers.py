"""The searcher asked for packs, and the rule of a scheduler applied to members of packs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from optuna.samplers import TPESampler
from ray import cloudpickle
from ray.tune.search import Searcher

from search.ray_tune.schedulers import PackEarlyStopping, make_scheduler, stops_members
from search.ray_tune.searchers import STARTUP_SAMPLES, Claims, KnowingSearcher, Listed
from trainables.hyperparameters import Range
from trainables.objective import Objective
from trainables.training.packed import shape_of
from trainables.trial import TrialConfig

SPACE = {"learning_rate": (0.1, 0.01, 0.001, 0.0001), "batch_size": (8, 16)}


class Workers:
    """Answers a searcher: trains what was not asked before, up to `samples` configurations."""

    def __init__(self, samples: int = 100) -> None:
        self.samples = samples
        self.asked: list[TrialConfig] = []

    def ask(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        config = replace(TrialConfig(), **values)
        if config in self.asked:
            return None
        self.asked.append(config)
        return {"config": config.to_dict()}

    def full(self) -> bool:
        return len(self.asked) >= self.samples


def searcher_of(workers: Workers, pack: int) -> KnowingSearcher:
    searcher = KnowingSearcher(SPACE, Objective(), 7, workers.ask, workers.full)
    searcher.pack = pack
    return searcher


def configs_of(suggested: Mapping[str, Any]) -> list[TrialConfig]:
    return [TrialConfig.from_dict(member["config"]) for member in suggested["pack"]]


def test_searcher_asks_for_a_batch_and_gives_its_packs_one_after_the_other() -> None:
    workers = Workers()
    searcher = searcher_of(workers, 3)
    first = configs_of(searcher.suggest("a"))
    batch = list(workers.asked)
    rest = [config for config in batch if config.batch_size != first[0].batch_size]
    assert 1 < len(batch) <= 3
    assert first == [config for config in batch if config.batch_size == first[0].batch_size]
    if rest:
        assert configs_of(searcher.suggest("b")) == rest
    assert workers.asked == batch


def test_searcher_asks_for_no_more_than_are_wanted() -> None:
    workers = Workers(samples=2)
    searcher = searcher_of(workers, 16)
    packs = [searcher.suggest(name) for name in ("a", "b", "c")]
    members = [config for pack in packs if pack != Searcher.FINISHED for config in configs_of(pack)]
    assert sorted(map(repr, members)) == sorted(map(repr, workers.asked))
    assert len(members) == 2
    assert packs[-1] == Searcher.FINISHED


def test_searcher_waits_where_all_it_suggests_is_in_training() -> None:
    workers = Workers()
    workers.asked = [
        replace(TrialConfig(), learning_rate=rate, batch_size=size)
        for rate in SPACE["learning_rate"]
        for size in SPACE["batch_size"]
    ]
    assert searcher_of(workers, 4).suggest("a") is None


def test_searcher_is_told_the_last_value_of_each_member() -> None:
    workers = Workers()
    searcher = searcher_of(workers, 2)
    members = configs_of(searcher.suggest("a"))
    values = {"mean_val_accuracy": 0.5}
    searcher.on_trial_result(
        "a", {"pack": [{"mean_val_accuracy": 0.25 + n / 8} for n in range(len(members))]}
    )
    searcher.on_trial_complete("a", {"pack": [None] * (len(members) - 1) + [values]})
    told = [trial.value for trial in searcher._optuna._ot_study.trials if trial.state.is_finished()]
    assert told == [0.25 + n / 8 for n in range(len(members) - 1)] + [0.5]


# two parts of the shape: free suggestions of a pack would be of nearly as many shapes
WIDE = {
    "learning_rate": Range(1e-4, 1e-1, log=True),
    "dropout": Range(0.0, 0.6),
    "batch_size": (4, 8, 16, 32, 64, 128, 256, 512),
    "l2": (0.0, 1e-4, 1e-3),
}


def packs_of(searcher: KnowingSearcher, workers: Workers, count: int) -> list[list[TrialConfig]]:
    """The packs of so many suggestions, each trained before the next one is asked for."""
    packs = []
    while len(workers.asked) < count:
        name = f"worker-{len(packs)}"
        packs.append(configs_of(searcher.suggest(name)))
        value = {"mean_val_accuracy": 0.5}
        searcher.on_trial_complete(name, {"pack": [value] * len(packs[-1])})
    return packs


def test_packs_of_a_searcher_fill_although_there_are_many_shapes() -> None:
    workers = Workers(samples=90)
    searcher = KnowingSearcher(WIDE, Objective(), 7, workers.ask, workers.full)
    searcher.pack = 16
    packs = packs_of(searcher, workers, 90)
    assert all(len({shape_of(config) for config in pack}) == 1 for pack in packs)
    later = [pack for pack in packs if workers.asked.index(pack[0]) >= 16]
    assert [len(pack) for pack in later[:-1]] == [16] * (len(later) - 1)
    assert len({config.learning_rate for config in later[0]}) == 16
    assert len({shape_of(pack[0]) for pack in packs}) > 3


def test_first_suggestions_of_a_searcher_are_of_any_shape() -> None:
    workers = Workers()
    searcher = KnowingSearcher(WIDE, Objective(), 7, workers.ask, workers.full)
    searcher.pack = STARTUP_SAMPLES
    searcher.suggest("a")
    assert len({config.batch_size for config in workers.asked}) > 2


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # Optuna 4
def test_suggestions_one_at_a_time_are_as_they_were() -> None:
    asked = []
    for sampler in (None, TPESampler(seed=7, n_startup_trials=STARTUP_SAMPLES, constant_liar=True)):
        workers = Workers()
        searcher = KnowingSearcher(WIDE, Objective(), 7, workers.ask, workers.full)
        if sampler:
            searcher._optuna._ot_study.sampler = sampler
        for number in range(14):
            searcher.suggest(str(number))
            searcher.on_trial_complete(str(number), {"mean_val_accuracy": number / 14})
        asked.append(workers.asked)
    assert asked[0] == asked[1]


def test_shape_of_which_nothing_is_left_ends_its_pack() -> None:
    workers = Workers()
    searcher = searcher_of(workers, 16)
    searcher._known = STARTUP_SAMPLES
    assert 1 <= len(configs_of(searcher.suggest("a"))) <= 4


def test_listed_values_come_in_their_order() -> None:
    searcher = Listed("trial", ["a", "b"])
    assert [searcher.suggest(str(n)) for n in range(3)] == [{"trial": "a"}, {"trial": "b"}, Searcher.FINISHED]


def epoch(number: int, **values: float) -> dict[str, dict[str, float]]:
    return {key: {"epoch": number, "mean_val_accuracy": value} for key, value in values.items()}


def test_pack_early_stopping_applies_successive_halving_as_if_members_reported_one_after_the_other() -> None:
    early_stopping = PackEarlyStopping(make_scheduler("asha", Objective(), 9))
    assert early_stopping.stopped(epoch(1, a=0.9, b=0.1)) == set()
    assert early_stopping.stopped(epoch(3, a=0.9, b=0.5, c=0.95, d=0.4)) == {"b", "d"}
    assert early_stopping.stopped(epoch(4, a=0.1, c=0.1)) == set()


def test_pack_early_stopping_applies_the_median_rule() -> None:
    early_stopping = PackEarlyStopping(make_scheduler("median", Objective(), 9))
    for number in (1, 2, 3):
        assert early_stopping.stopped(epoch(number, a=0.9, b=0.8, c=0.85)) == set()
        stopped = early_stopping.stopped(epoch(number, d=0.4))
    assert stopped == {"d"}


def test_pack_early_stopping_says_the_same_of_a_pack_that_begins_again() -> None:
    early_stopping = PackEarlyStopping(make_scheduler("asha", Objective(), 9))
    early_stopping.stopped(epoch(3, a=0.9, b=0.5))
    assert early_stopping.stopped(epoch(1, a=0.9, b=0.5)) == {"b"}


@pytest.mark.parametrize(("name", "stops"), [("asha", True), ("median", True), ("hyperband", False)])
def test_schedulers_that_pause_need_trials(name: str, stops: bool) -> None:
    scheduler = make_scheduler(name, Objective(), 9)
    assert stops_members(scheduler) == stops
    if not stops:
        with pytest.raises(ValueError, match=r"^packs need a scheduler that only stops, received "):
            PackEarlyStopping(scheduler)


def test_searcher_says_which_backbones_it_may_suggest() -> None:
    workers, names = Workers(), ("resnet50_v2", "hassner")
    varied = KnowingSearcher({"backbone": names}, Objective(), 7, workers.ask, workers.full)
    assert [config.backbone for config in varied.bases(TrialConfig())] == list(names)
    assert searcher_of(workers, 1).bases(TrialConfig(seed=3)) == [TrialConfig(seed=3)]


def test_searcher_is_written_down_whatever_its_questions_hold() -> None:
    lock = threading.RLock()  # as in a console, which the questions of a search reach

    def ask(_: Mapping[str, Any]) -> None:
        lock.acquire()

    searcher = KnowingSearcher(SPACE, Objective(), 7, ask, lambda: bool(lock))
    assert isinstance(cloudpickle.loads(cloudpickle.dumps(searcher)), KnowingSearcher)


def test_searcher_suggests_first_what_it_is_to_begin_with() -> None:
    workers = Workers()
    starts = [replace(TrialConfig(), learning_rate=rate, batch_size=16) for rate in (0.01, 0.1)]
    searcher = KnowingSearcher(SPACE, Objective(), 7, workers.ask, workers.full, starts=starts)
    for name in ("a", "b", "c"):
        searcher.suggest(name)
    assert workers.asked[:2] == starts
    assert workers.asked[2] not in starts


class Others:
    """Other drivers of a study, which have these trials."""

    is_shared = True

    def __init__(self, *theirs: str) -> None:
        self.theirs = theirs

    def claim(self, keys: Sequence[str]) -> list[str]:
        return [key for key in keys if key not in self.theirs]


def test_list_leaves_out_what_other_drivers_train() -> None:
    trials = [{"key": str(number)} for number in range(5)]
    claims = Claims(Others("0", "2", "3"), lambda: 9)  # type: ignore[arg-type]
    listed = Listed("trial", trials, claims)
    assert [listed.suggest("a"), listed.suggest("b")] == [{"trial": trials[1]}, {"trial": trials[4]}]
    assert listed.suggest("c") == Searcher.FINISHED
    packs = Listed("pack", [trials[:2], trials[2:4], trials[4:]], claims)
    assert [packs.suggest("a"), packs.suggest("b")] == [{"pack": trials[1:2]}, {"pack": trials[4:]}]


def test_list_that_is_shared_claims_one_more_than_are_trained_at_a_time() -> None:
    listed = Listed("trial", [{"key": str(number)} for number in range(5)], Claims(Others(), lambda: 1))  # type: ignore[arg-type]
    assert all(listed.suggest(name) for name in "ab")
    assert listed.suggest("c") is None
    listed.on_trial_complete("a")
    assert listed.suggest("c") == {"trial": {"key": "2"}}
