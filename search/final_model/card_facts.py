"""The facts of a final model for its card, gathered from the plan, the result and the ledger."""

from __future__ import annotations

from datetime import UTC, datetime

from search.final_model.model_card import CardColumn, CardData, CardFacts
from search.final_model.writer import winning_run
from search.finetune.columns import LINEAR
from search.finetune.figures import area_under_curve
from search.finetune.plan import FinetunePlan
from search.statistics.number_text import low_to_high
from search.study.comparison import breakdown_of
from search.study.facts import StudyFacts
from search.study.finetune_result import ColumnResult, FinetuneResult
from search.study.ledger import Ledger
from search.study.snapshot import read_final, reading_of
from trainables.backbones.table import find_backbone
from trainables.features.inputs import backbone_read_by
from trainables.hyperparameters import ALL_BLOCKS
from trainables.versions import versions_of_a_trial


def card_facts(plan: FinetunePlan, result: FinetuneResult, ledger: Ledger, command: str) -> CardFacts:
    """Returns what the card of the final model says; `command` repeats the run that made it."""
    problem, run = plan.problem, winning_run(plan, result)
    (split,) = (split for split in problem.splits if split.name == run.split)
    trained = ledger.find(run)
    winner = result.column(result.winner or "")
    if trained is None or winner is None:
        raise ValueError(f"the trial {run.key} of the final model is not in the ledger")
    return CardFacts(
        name=f"{run.config.backbone}, {winner.title}",
        made_on=f"{datetime.now(UTC):%Y-%m-%d}",
        backbone=run.config.backbone,
        input_px=find_backbone(backbone_read_by(run.config)).input_px,
        weights=run.weights,
        config=run.config.to_dict(),
        finetune="a linear classifier, fitted on features of the frozen backbone"
        if run.start == LINEAR
        else _trained_last(run.config.unfrozen_blocks, find_backbone(run.config.backbone).frozen),
        data=_data(problem.facts()),
        pretrained_on=_data(StudyFacts.from_dict(result.pretraining))
        # who starts from nobody's weights has seen no other images
        if result.pretraining and run.start not in ("", LINEAR)
        else None,
        split=run.split,
        train_images=int(split.train.size),
        validation_images=int(split.validation.size),
        shared_groups=split.shared_groups,
        breakdown=breakdown_of([run], problem, ledger),
        calibration=result.calibration.statement if result.calibration else "",
        held_out=_held_out(winner, ledger),
        val_loss=trained.epochs[-1].val_loss,
        columns=tuple(_column(column, plan, ledger) for column in result.columns if _has_figures(column)),
        statement=result.statement + (f". {result.decided_by}" if result.decided_by else ""),
        versions=versions_of_a_trial(),
        command=command,
    )


def _held_out(winner: ColumnResult, ledger: Ledger) -> str:
    """Returns what the winner's configuration reached on held-out data, "" where that was not read for it."""
    reading = reading_of(read_final(ledger.folder), winner.config, winner.start)
    if reading is None:
        return ""
    interval = reading.get("interval")
    over = f" (95 % interval {low_to_high(interval)} over {reading['interval_over']})" if interval else ""
    return (
        f"accuracy {reading['accuracy']:.4f}{over} on {reading['n']:,} images, of the same configuration "
        "trained on all but those."
    )


def _trained_last(unfrozen_blocks: int | str, frozen: bool) -> str:
    if not frozen:
        return "the whole network, on images"
    if not unfrozen_blocks:
        return "the head, on features of the frozen backbone"
    blocks = "all" if unfrozen_blocks == ALL_BLOCKS else f"the last {unfrozen_blocks}"
    return f"the head and {blocks} blocks, on images"


def _data(facts: StudyFacts) -> CardData:
    return CardData(
        source=facts.source,
        digest=facts.data_digest,
        images=facts.images,
        class_names=facts.class_names,
        class_counts=tuple(facts.labels.values()),
        subjects=facts.subjects,
    )


def _has_figures(column: ColumnResult) -> bool:
    return column.figures["accuracy"][0] is not None


def _column(column: ColumnResult, plan: FinetunePlan, ledger: Ledger) -> CardColumn:
    runs = [run for run in (ledger.find_key(key) for key in column.trials) if run and run.epochs]
    last = [run.epochs[-1] for run in runs]
    return CardColumn(
        name=column.title,
        accuracy=tuple(epoch.accuracy for epoch in last),
        val_accuracy=tuple(epoch.val_accuracy for epoch in last),
        val_loss=tuple(epoch.val_loss for epoch in last),
        auc=tuple(area_under_curve(run.trial, plan.problem, ledger) for run in runs),
    )
