"""First part of the report: three numbers, one figure, and what a reader must not miss."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, stdev

from search.report.document import Alert, Block, KeyNumber, KeyNumbers, Paragraph, Points, Section, Series
from search.report.published import PUBLISHED_PRETRAINED, PUBLISHED_TUNED
from search.report.sections.protocol import differences_alert
from search.report.sections.ways import Leader, Way, is_worth_it, leader_of, ways_of
from search.report.words import verdict_in_words
from search.space.labels import describe_config, told_of
from search.statistics.baselines import LINEAR, NO_GAIN, Baseline, constant_of
from search.statistics.number_text import NONE, bracketed, confidence, decimal, low_to_high
from search.statistics.paired_tests import LEVEL
from search.statistics.verdict_text import verdict_word
from search.study.snapshot import Snapshot, reading_of


def summary_section(snapshot: Snapshot) -> Section:
    """Returns the part that says what was won, against what, and how sure that is."""
    blocks: list[Block] = []
    if snapshot.unread:
        title = "Files of the study that could not be read, and are missing here"
        blocks.append(Alert(title, [*snapshot.unread, snapshot.check_advice]))
    if snapshot.facts.is_drawn:
        text = "No figure of this study says anything about photographs; it shows that the system runs."
        blocks.append(Alert("The data is drawn by a program", [text]))
    blocks += key_numbers(snapshot)
    blocks += differences_alert(snapshot)
    blocks += _headline(snapshot)
    return Section(name="summary", title="Summary", blocks=blocks)


def key_numbers(snapshot: Snapshot) -> Iterator[KeyNumbers | Paragraph]:
    """Yields the three numbers and what they mean; nothing where no configuration has a run."""
    leader = leader_of(snapshot)
    if leader:
        yield KeyNumbers([_won(leader), _beside(leader, snapshot), _how_sure(leader, snapshot)])
        yield Paragraph(f"In plain words: {_plain(leader)}")


def _plain(leader: Leader) -> str:
    """Returns what the numbers mean for who would use the model."""
    right = f"of 100 pictures like these, about {100 * leader.accuracy:.0f} get their right class."
    if leader.verdict == NO_GAIN:
        return f"{right} That is no better than always giving one answer, so the model should not be used."
    if leader.linear is None:
        return right
    linear = "a linear classifier on the same features, which is made in seconds"
    worth = is_worth_it(leader)
    if worth is None:
        return f"{right} One run says too little on whether that is better than {linear}."
    if worth:
        return f"{right} That is better than {linear}."
    return (
        f"{right} Nothing here shows that this is better than {linear}, so the search has gained nothing yet."
    )


def _won(leader: Leader) -> KeyNumber:
    runs = "one run" if len(leader.runs) == 1 else f"mean of {len(leader.runs)} runs"
    config = describe_config(leader.config, told_of(leader.config))
    return KeyNumber(
        number=decimal(leader.accuracy),
        title="validation accuracy",
        text=f"{leader.found_by[0].upper()}{leader.found_by[1:]}, {runs} after the last epoch: {config}.",
    )


def _beside(leader: Leader, snapshot: Snapshot) -> KeyNumber:
    known = [baseline for baseline in (leader.linear, constant_of(leader.baselines)) if baseline]
    words = [_gain(baseline, leader) for baseline in known]
    if snapshot.facts.is_of_gender:
        words.append(
            f"the report of 2021 published {decimal(PUBLISHED_TUNED.val_accuracy)} tuned and "
            f"{decimal(PUBLISHED_PRETRAINED.val_accuracy)} pretrained"
        )
    text = "; ".join(words) or "no baseline was kept"
    if not known:
        return KeyNumber(number=NONE, title="against baselines", text=f"{text[0].upper()}{text[1:]}.")
    first = known[0]
    return KeyNumber(
        number=f"{leader.accuracy - first.mean:+.4f}",
        title=f"against {_article(first)}",
        text=f"{text[0].upper()}{text[1:]}.",
    )


def _gain(baseline: Baseline, leader: Leader) -> str:
    found = leader.beside(baseline)
    interval = f", {confidence(LEVEL)} {low_to_high(found.interval)}" if found.interval else ""
    return f"{baseline.title} {decimal(baseline.mean)} ({leader.accuracy - baseline.mean:+.4f}{interval})"


def _article(baseline: Baseline) -> str:
    return f"a {baseline.short_title}" if baseline.name == LINEAR else f"the answer {baseline.title}"


def _how_sure(leader: Leader, snapshot: Snapshot) -> KeyNumber:
    """Returns the held-out figure, else what is left without luck, else an interval, else the verdict."""
    compared = "of the comparison" if leader.result else "on the ways to the final model"
    says = verdict_in_words(leader.verdict, leader.not_for_new, leader.statement)
    verdict = f"Verdict {compared}: {says}."
    reading = reading_of(snapshot.readings, leader.config.to_dict(), leader.start)
    if reading:
        interval = bracketed(reading.get("interval"))
        return KeyNumber(
            number=decimal(reading.get("accuracy")),
            title="on data that no selection saw",
            text=f"95 % interval {interval}. {verdict}" if interval != NONE else verdict,
        )
    if snapshot.readings:  # a number of another model, here, would be taken for one of this
        other = snapshot.readings[-1]
        verdict += (
            f" Held-out data was read for another model: the winner of {other.get('stage', NONE)} has "
            f"{decimal(other.get('accuracy'))} there."
        )
    result = leader.result
    if result and result.corrected is not None and len(result.entries) > 1:
        mean = result.entry_of(leader.config).mean
        return KeyNumber(
            number=decimal(result.corrected),
            title="without the luck of being chosen",
            text=f"Of {decimal(mean)}, the winner's {result.objective.name}. {verdict}",
        )
    found = snapshot.finetune.breakdown if snapshot.finetune and not result else None
    if found and found.get("interval"):  # a verdict on the ways is none on the model
        ends = (decimal(end, 2) for end in found["interval"])
        return KeyNumber(number=" to ".join(ends), title="95 % interval of one run's accuracy", text=verdict)
    word = verdict_word(leader.verdict, leader.not_for_new)
    return KeyNumber(number=word, title="how sure", text=verdict)


def _headline(snapshot: Snapshot) -> Iterator[Points]:
    """Yields the figure of all ways and baselines on one axis; none where nothing has run."""
    leader, ways = leader_of(snapshot), list(ways_of(snapshot))
    if leader is None:
        return
    baselines = [baseline for baseline in (constant_of(leader.baselines), leader.linear) if baseline]
    categories = [*(each.short_title for each in baselines), *(way.title for way in ways)]
    ours = [*((each.mean, 0.0) for each in baselines), *map(_accuracy, ways)]
    series = [
        Series(
            label="this study",
            values=[mean for mean, _ in ours],
            low=[None if mean is None else mean - spread for mean, spread in ours],
            high=[None if mean is None else mean + spread for mean, spread in ours],
        )
    ]
    if any(way.published for way in ways):
        theirs = [way.published.val_accuracy if way.published else None for way in ways]
        series.append(Series(label="published", values=[*[None] * len(baselines), *theirs]))
    bars = " (± 1 standard deviation of the runs)" if any(spread for _, spread in ours) else ""
    yield Points(
        name="headline",
        caption=(
            f"What the search was worth: validation accuracy after the last epoch{bars}, from what costs "
            "nothing, on top, to what was searched"
        ),
        x_label="",
        y_label="val accuracy",
        categories=categories,
        series=series,
    )


def _accuracy(way: Way) -> tuple[float | None, float]:
    values = [run.epochs[-1].val_accuracy for run in way.runs]
    return (fmean(values) if values else None, stdev(values) if len(values) > 1 else 0.0)
