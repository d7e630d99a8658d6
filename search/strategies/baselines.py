"""Baselines of a search: made once for the rows that its trials read, and what they say of its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from data_prep.class_names import listed
from data_prep.digests import digest_of_values
from data_prep.splits import SPLIT_SEED, Split
from data_prep.storage.json_files import read_as, write_json
from data_prep.storage.standing import standing
from search.finetune.linear_head import LinearFit
from search.statistics.baselines import (
    CONSTANT,
    LINEAR,
    Baseline,
    baselines_of,
    beside,
)
from search.statistics.linear_classifier import (
    LinearClassifier,
    accuracies,
    linear_classifier,
    most_frequent,
)
from search.statistics.paired_tests import Scores
from search.study.comparison import independent_images
from search.study.formats import BASELINES
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import Entry, JointResult, Result, StageResult
from trainables.backbones.table import find_backbone
from trainables.features.inputs import backbone_read_by
from trainables.trial import TrialConfig, TrialStatus


def make_nothing(backbone: str) -> None:
    """Makes no features of `backbone`."""


class Baselines:
    """Baselines of a problem, kept in the study of `ledger`; features are those of `cache`.

    What is not there is made by `make`, which may have to leave that undone, and says so.
    """

    def __init__(
        self, problem: Problem, ledger: Ledger, cache: Path, make: Callable[[str], None] = make_nothing
    ) -> None:
        self._problem, self._ledger, self._cache, self._make = problem, ledger, cache, make

    def of(self, backbones: Iterable[str], splits: Sequence[Split]) -> tuple[Baseline, ...]:
        """Returns the constant answer, and a linear classifier for each backbone that has features.

        What the study has is read; a network that reads pixels has no features to be linear in.
        """
        linear = (self._linear(name, splits) for name in dict.fromkeys(backbones))
        return (self._constant(splits), *(each for each in linear if each))

    def of_study(self, backbone: str) -> tuple[Baseline, ...]:
        """Returns the baselines on the study's splits for the features of `backbone`."""
        return self.of([backbone], self._problem.splits)

    def beside(self, result: Result) -> Result:
        """Returns `result` with its baselines, and with what they say of its winner."""
        compared = (backbone_read_by(entry.config) for entry in result.entries)
        found = replace(result, baselines=self.of(compared, self._problem.splits))
        if not isinstance(found, StageResult | JointResult):
            return found
        return judged(found, self._ledger, independent_images(self._problem))

    def fit(self, backbone: str, split: Split) -> LinearFit | None:
        """Returns the linear classifier of a split; None where there are no features of `backbone`."""
        features = self._features(backbone)
        if features is None:
            return None
        model = self._classifier(features, split)
        train, validation = (
            model.probabilities_of(features[rows]) for rows in (split.train, split.validation)
        )
        return LinearFit(classifier=model, train=train, validation=validation)

    def _features(self, backbone: str) -> np.ndarray | None:
        # a cache that went away is waited for: else the result would be without the linear classifier
        found = standing(self._cache, lambda: self._problem.stored_rows(backbone, self._cache))
        if found is not None:
            return found
        self._make(backbone)
        return standing(self._cache, lambda: self._problem.stored_rows(backbone, self._cache))

    def _classifier(self, features: np.ndarray, split: Split) -> LinearClassifier:
        labels = self._problem.labels.astype("int64")[split.train]
        return linear_classifier(features[split.train], labels, seed=SPLIT_SEED)

    def _constant(self, splits: Sequence[Split]) -> Baseline:
        labels = self._problem.labels
        answers = {split.name: most_frequent(labels[split.train]) for split in splits}
        truth = {split.name: labels[split.validation] for split in splits}
        read = {name: accuracies(true, np.full_like(true, answers[name])) for name, true in truth.items()}
        names = self._problem.manifest.class_names
        shown = dict.fromkeys(listed([names[answer]]) for answer in answers.values())
        return _baseline(CONSTANT, f"always {' or '.join(shown)}", "", read)

    def _linear(self, backbone: str, splits: Sequence[Split]) -> Baseline | None:
        problem = self._problem
        if not find_backbone(backbone).frozen:
            return None
        # with precision and resize: rows made otherwise have a baseline of their own
        identity = problem.trial(TrialConfig(backbone=backbone), splits[0].name).weights
        facts = [problem.manifest.digest, identity, backbone, [split.name for split in splits]]
        key = digest_of_values(facts, 16)
        kept = read_baselines(self._ledger.folder, key)
        if kept is None:
            kept = tuple(self._fitted(backbone, splits))
            if kept:  # nothing is kept where features cannot be made: a later run may have them
                write_baselines(self._ledger.folder, key, kept)
        return kept[0] if kept else None

    def _fitted(self, backbone: str, splits: Sequence[Split]) -> Iterator[Baseline]:
        problem = self._problem
        features = self._features(backbone)
        if features is None:
            return
        labels = problem.labels.astype("int64")
        read = {}
        for split in splits:
            said = self._classifier(features, split).classes_of(features[split.validation])
            read[split.name] = accuracies(labels[split.validation], said)
        yield _baseline(LINEAR, f"linear classifier on {backbone}", backbone, read)


def write_baselines(folder: Path, key: str, found: Sequence[Baseline]) -> None:
    """Keeps in the study in `folder` what was found for the rows that `key` names."""
    values = {"format": BASELINES.number, "baselines": [asdict(baseline) for baseline in found]}
    write_json(Layout(folder).baselines(key), values)


def read_baselines(folder: Path, key: str) -> tuple[Baseline, ...] | None:
    """Returns what `write_baselines` kept, None where nothing was; raises InputError where it is damaged."""
    path = Layout(folder).baselines(key)
    way_out = "remove it, the next run writes it again"
    return read_as(path, BASELINES, lambda values: baselines_of(values["baselines"]), way_out=way_out)


def judged(
    result: StageResult | JointResult, ledger: Ledger, images: Mapping[str, int]
) -> StageResult | JointResult:
    """Returns `result` with the verdict and the statement that its baselines leave.

    Compared is the accuracy after the last epoch, which is the one that a final model has, on so many
    independent `images` of each split.
    """
    scores = [last_accuracies(entry, ledger) for entry in result.entries]
    if result.winner is None:
        return result
    winner = result.entries.index(result.entry_of(result.winner))
    verdict, words = beside(
        result.baselines,
        scores,
        winner=winner,
        backbone=backbone_read_by(result.winner),
        decided=(result.verdict, result.statement),
        margin=result.protocol.margin,
        judged=images,
    )
    return replace(result, verdict=verdict, statement=words)


def last_accuracies(entry: Entry, ledger: Ledger) -> Scores:
    """Returns the validation accuracy after the last epoch of each run, by split and seed.

    None of them where one failed.
    """
    results = [ledger.find_key(key) for key in entry.trials]
    whole = [each for each in results if each and each.status is TrialStatus.COMPLETED and each.epochs]
    if len(whole) < len(results):
        return {}
    scores = {(each.trial.split, each.trial.config.seed): each.epochs[-1].val_accuracy for each in whole}
    return scores if np.isfinite([*scores.values()]).all() else {}


def _baseline(name: str, title: str, backbone: str, read: dict[str, tuple[float, float]]) -> Baseline:
    return Baseline(
        name=name,
        title=title,
        backbone=backbone,
        accuracies={split: found[0] for split, found in read.items()},
        balanced={split: found[1] for split, found in read.items()},
    )
