"""The linear classifier as the final model, where the searched head is not better than it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from data_prep.splits import Split
from data_prep.storage.remote import push
from search.finetune.columns import LINEAR
from search.finetune.figures import column_result
from search.finetune.plan import FinetunePlan
from search.statistics.baselines import against, linear_of
from search.statistics.linear_classifier import LinearClassifier
from search.study.comparison import Candidate, breakdown_of
from search.study.finetune_result import FinetuneResult
from search.study.layout import Layout
from search.study.ledger import Ledger
from trainables.features.inputs import backbone_read_by
from trainables.objective import OBJECTIVES, cross_entropy, with_figure
from trainables.training.state_file import write_state
from trainables.training.validation_metrics import is_one_class, share_right, validation_figures
from trainables.trial import LAST, EpochMetrics, Trial, TrialResult, TrialStatus


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearFit:
    """A linear classifier fitted on the training rows of a split, and what it says of its rows."""

    classifier: LinearClassifier
    train: np.ndarray
    validation: np.ndarray


Fit = Callable[[str, Split], LinearFit | None]
"""Fits on the features of a backbone; None where they are not here."""


def with_linear(result: FinetuneResult, plan: FinetunePlan, ledger: Ledger, fit: Fit) -> FinetuneResult:
    """Returns `result`, won by the linear classifier where its winner is not better than that.

    Compared is as in the statement: the validation accuracy of the last epoch. The classifier's runs, one for
    each split, are kept in the ledger, and their weights as those of a head without hidden units.
    """
    backbone = backbone_read_by(plan.winner)
    linear, column = linear_of(result.baselines, backbone), plan.column(result.winner)
    if linear is None or column is None:
        return result
    found = {run.key: each for run in column.runs if (each := ledger.find(run))}
    scores = Candidate(None, column.runs[0].config, column.runs).scores(found, OBJECTIVES["val_accuracy"])
    comparison = against(scores, linear.accuracies, margin=plan.margin)
    if comparison.difference > 0 and not comparison.tied:
        return replace(result, statement=f"{result.statement}; the head is the final model")
    runs = plan.linear_column().runs
    fits = [fit(backbone, split) for split in plan.problem.splits]
    ended = [
        _kept(run, split, each, plan, ledger)
        for run, split, each in zip(runs, plan.problem.splits, fits, strict=True)
        if each
    ]
    if len(ended) < len(runs):
        return result
    return replace(
        result,
        columns=(*result.columns, column_result(plan.linear_column(), ended, plan, ledger)),
        winner=LINEAR,
        statement=f"{result.statement}; the linear classifier is the final model",
        pretraining=None,
        breakdown=breakdown_of(runs, plan.problem, ledger),
    )


def _kept(run: Trial, split: Split, fit: LinearFit, plan: FinetunePlan, ledger: Ledger) -> TrialResult:
    """Returns the result of a run, which the study has afterwards with its probabilities and weights."""
    started = time.perf_counter()
    labels = plan.problem.labels.astype(np.int64)
    train, validation = labels[split.train], labels[split.validation]
    right = share_right(train, fit.train)
    epoch = EpochMetrics(
        epoch=1,
        loss=cross_entropy(train, fit.train),
        accuracy=right,
        learning_rate=run.config.learning_rate,
        seconds=time.perf_counter() - started,
        train_accuracy_at_inference=right,  # it has no dropout: it answers alike while it is fitted
        val_one_class=is_one_class(fit.validation),
        **validation_figures(validation, fit.validation, 0.0),
    )
    if plan.objective.figure:
        epoch = with_figure(epoch, plan.objective, validation, fit.validation)
    result = TrialResult(
        trial=run, status=TrialStatus.COMPLETED, epochs=(epoch,), seconds=epoch.seconds, reason=""
    )
    ledger.record(result, fit.validation)
    path = Layout(ledger.folder).weights / run.key / LAST
    path.parent.mkdir(parents=True, exist_ok=True)
    classifier = fit.classifier
    # as a Dense layer has them: the kernel is (features, outputs)
    values: list[Any] = [classifier.coefficients.T, classifier.intercepts]
    write_state(path, {"classes": plan.problem.classes}, [np.float32(value) for value in values])
    push(path)
    return result
