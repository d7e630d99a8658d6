"""Comparison of the study with the report: data, split, weights, runs; what differs is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from data_prep.class_names import numbered
from search.report.document import Alert, Block, Bullets, Paragraph, Table
from search.report.published import PROTOCOL, published_means
from search.statistics.number_text import NONE, decimal
from search.study.facts import StudyFacts
from search.study.snapshot import Snapshot
from trainables.trial import TrialConfig

_DATA = {
    "sample": "drawn by a program, no photographs",
    "adience": "Adience",
    "celeba": "CelebA",
    "utkface": "UTKFace",
    "fairface": "FairFace",
    "folder": "a folder of images",
}
_SPLITS = {
    "random": "random 80/20; photos of one subject may be on both sides",
    "group": "80/20 with no group on both sides",
    "given": "the parts that came with the data",
    "folds": "the five official folds, no subject in two of them",
}
_SELECTION = {
    "folds": "an inner validation part of the training folds",
    "kfold": "an inner validation part of the training parts",
}
_LISTED_CLASSES = 30
_WEIGHTS = {"none": "random", "imagenet": "ImageNet"}


@dataclass(frozen=True)
class Fact:
    """Line of the comparison; `differs` is None where nothing is to be compared."""

    name: str
    ours: str
    published: str
    differs: bool | None


def protocol_blocks(snapshot: Snapshot) -> Iterator[Block]:
    """Yields the comparison of the protocols, and what the published one does to its numbers."""
    facts = list(compare_protocols(snapshot))
    if snapshot.facts.is_of_gender:
        if not any(fact.differs for fact in facts):
            yield Paragraph("The protocol is the published one.")
        yield Table(
            caption="What was compared, and how; what differs from the published protocol is marked",
            columns=("", "this study", "published"),
            rows=[
                (fact.name + (" (differs)" if fact.differs else ""), fact.ours, fact.published)
                for fact in facts
            ],
        )
    else:
        rows = [(fact.name, fact.ours) for fact in facts]
        yield Table(caption="What was compared, and how", columns=("", "this study"), rows=rows)
    yield Bullets(list(_reading_the_tables(snapshot)))
    if snapshot.facts.is_of_gender:
        yield from _of_the_published_protocol()


def differences_alert(snapshot: Snapshot) -> Iterator[Alert]:
    """Yields where the protocol differs from the published one: a reader must know that first."""
    if not snapshot.facts.is_of_gender:
        return
    differing = [fact for fact in compare_protocols(snapshot) if fact.differs]
    if differing:
        lines = [f"{fact.name}: here {fact.ours}; published {fact.published}" for fact in differing]
        yield Alert("The protocol differs from the published one", lines)


def _of_the_published_protocol() -> Iterator[Block]:
    yield Paragraph("What the published protocol does to its numbers:")
    yield Bullets(
        (
            "A random split puts photos of one subject on both sides, so its accuracies are higher than on "
            "new people. The data set's own protocol is five folds with no subject in two of them.",
            "The 20 % that chose the hyperparameters are the 20 % that are reported.",
            _published_noise(),
        )
    )


def compare_protocols(snapshot: Snapshot) -> Iterator[Fact]:
    """Yields what determines the numbers, ours beside the report's."""
    facts, split = snapshot.facts, snapshot.facts.split or NONE
    kind = split.partition(":")[0]  # "kfold:5" has its number behind it
    source, weights = facts.source or NONE, facts.weights or NONE
    yield Fact("data set", _DATA.get(source, source), PROTOCOL.data, source != "adience")
    yield Fact("images", _count(facts.images), _count(PROTOCOL.images), facts.images != PROTOCOL.images)
    yield Fact("images of each class", _classes(facts), NONE, None)
    yield Fact("subjects", _count(facts.subjects) if facts.subjects else "unknown", NONE, None)
    parts = _split(split, has_groups=facts.subjects != 0)
    yield Fact("split", parts, _split(PROTOCOL.split), split != PROTOCOL.split)
    selection = _SELECTION.get(kind, "the validation part that is reported")
    yield Fact("selected on", selection, PROTOCOL.selected_on, kind in _SELECTION)
    ours, published = (_WEIGHTS.get(name, name) for name in (weights, PROTOCOL.weights))
    yield Fact("backbone weights", ours, published, weights != PROTOCOL.weights)
    entries = [entry for result in snapshot.results for entry in result.entries]
    yield _numbers("epochs", {entry.config.epochs for entry in entries}, PROTOCOL.epochs)
    yield _numbers("runs of each value", {len(entry.trials) for entry in entries}, PROTOCOL.runs)
    seeds = {seed for result in snapshot.results for seed in result.protocol.seeds}
    yield _numbers("seeds", seeds, PROTOCOL.seed)
    tuned = sorted({result.base.backbone for result in snapshot.results if result.stage != "backbone"})
    if tuned:
        yield Fact("tuned backbone", ", ".join(tuned), PROTOCOL.backbone, tuned != [PROTOCOL.backbone])
    yield Fact("trained with", f"Keras on {facts.backends or NONE}", NONE, None)
    yield Fact("data digest", facts.data_digest or NONE, NONE, None)


def _reading_the_tables(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.facts.is_of_gender:
        yield (
            f"Published figures are of one run on a {PROTOCOL.split} split, {PROTOCOL.epochs} epochs; no "
            "spread, difference, best epoch or seconds was published."
        )
    yield (
        "The training accuracy at inference is of the network as it is used, after the last epoch. Where it "
        "is far below the accuracy in training, the network that is judged is another than the one that was "
        "trained."
    )
    yield _scaling(snapshot)


def _scaling(snapshot: Snapshot) -> str:
    nearest = snapshot.facts.resize == "nearest"
    ours = f"Pictures were scaled {'by the nearest pixel' if nearest else 'bilinearly with antialiasing'}"
    if not snapshot.facts.is_of_gender:
        return f"{ours}."
    if nearest:
        return f"{ours}, as the Keras generator of the report did."
    return (
        f"{ours}. The Keras generator of the report took the "
        "nearest pixel, which changes features by 0.2 of their size for large photographs, and by more for "
        "small ones; --resize nearest does the same."
    )


def _published_noise() -> str:
    means = published_means(TrialConfig()).values()
    return (
        "One run per value. By its description the report ran one configuration (batch size 32, learning "
        "rate 0.001, hidden units 1024/512/256, no dropout) in four stages and printed "
        f"{', '.join(map(decimal, means))}: a range of {decimal(max(means) - min(means))} without any change."
    )


def _numbers(name: str, ours: set[int], published: int) -> Fact:
    return Fact(name, ", ".join(map(str, sorted(ours))), str(published), ours != {published})


def _split(name: str, *, has_groups: bool = True) -> str:
    kind, _, parts = name.partition(":")
    if kind == "kfold":
        return f"{parts} parts, {'no known group in two of them' if has_groups else 'groups are unknown'}"
    return _SPLITS.get(name, name)


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else NONE


def _classes(facts: StudyFacts) -> str:
    names, counts = numbered(facts.class_names), facts.labels.values()
    found = [f"{name} {_count(count)}" for name, count in zip(names, counts, strict=False)]
    more = [f"and {len(found) - _LISTED_CLASSES:,} more"] * (len(found) > _LISTED_CLASSES)
    return ", ".join([*found[:_LISTED_CLASSES], *more]) or NONE
