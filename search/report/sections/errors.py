"""Part of the report on the winner's validation errors: confusion, ROC, calibration, label, age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.class_names import numbered
from search.report.document import Block, Curve, Lines, Panel, Paragraph, Points, Section, Series, Table
from search.report.sections.mistakes import mistakes_blocks
from search.report.words import stage_title
from search.statistics.classification_errors import UNKNOWN_AGE
from search.statistics.number_text import NONE, bracketed, decimal
from search.study.facts import StudyFacts
from search.study.stage_results import Result

_MOST_IN_MATRIX = 30  # classes: a larger matrix cannot be read
_WORST_PAIRS = 20
_ROC = ". The nearer to the upper left corner, the better; the dotted line is guessing"


def errors_section(result: Result, facts: StudyFacts) -> Section:
    """Returns the part on the errors of the winner of `result`; figures that are not there are left out."""
    name = f"{result.stage.replace('_', '-')}-errors"
    title = f"Errors of the winner ({stage_title(result).lower()})"
    return Section(name=name, title=title, blocks=errors_blocks(result.breakdown, name, facts))


def errors_blocks(found: Mapping[str, Any] | None, name: str, facts: StudyFacts) -> list[Block]:
    """Returns what is said of a breakdown of errors; `name` begins the names of its figures."""
    if not found:
        return [Paragraph("No breakdown of the winner's errors was kept.")]
    intro = (
        f"{found.get('n', NONE)} validation images of the runs with the first seed, accuracy "
        f"{decimal(found.get('accuracy'))}, 95 % interval {bracketed(found.get('interval'))}."
    )
    names = numbered(facts.class_names)
    section = Section(
        name=name,
        title="",
        blocks=[
            Paragraph(intro + (" The report published no breakdown of errors." * facts.is_of_gender)),
            *_of_ordered(found),
            *(_confusion(found.get("confusion"), names) if len(names) <= _MOST_IN_MATRIX else ()),
            *(_worst_pairs(found.get("worst_pairs")) if len(names) > 2 else ()),
            *_by_class(found, names),
            *(_roc(found, name, names) if len(names) == 2 else _roc_of_classes(found, name, names)),
            *_calibration(found.get("calibration"), name, names),
            *_groups(found.get("by_label"), "class", names, name),
            *_groups(*_ages(found.get("by_age")), name),
            *mistakes_blocks(found.get("mistakes"), name, facts.class_names, facts.group_kind),
        ],
    )
    return list((section if facts.is_of_gender else section.of_this_study()).blocks)


def _confusion(counts: Any, names: Sequence[str]) -> Iterator[Block]:
    if not _is_list(counts, len(names)) or not all(_is_list(row, len(names)) for row in counts):
        return
    rows = [
        (label, *map(str, row), decimal(row[number] / sum(row)) if sum(row) else NONE)
        for number, (label, row) in enumerate(zip(names, counts, strict=True))
    ]
    yield Table(
        caption="Confusion matrix: images by class (rows) and prediction (columns)",
        columns=("class", *(f"predicted {label}" for label in names), "share predicted right"),
        rows=rows,
    )


def _roc(found: Mapping[str, Any], name: str, names: Sequence[str]) -> Iterator[Block]:
    roc = _mapping(found.get("roc"))
    fpr, tpr = roc.get("fpr"), roc.get("tpr")
    if not fpr or not tpr:
        return
    auc = decimal(roc.get("auc", found.get("auc")))
    panel = _roc_panel([Curve(label=f"winner, AUC {auc}", x=fpr, y=tpr)])
    yield Lines(
        name=f"{name}-roc", caption=f"ROC curve, {names[-1]} as positive: AUC {auc}{_ROC}", panels=[panel]
    )


def _roc_of_classes(found: Mapping[str, Any], name: str, names: Sequence[str]) -> Iterator[Block]:
    roc = _mapping(found.get("roc"))
    known = [row for row in _rows(roc.get("by_label")) if row.get("fpr") and row.get("tpr")]
    if not known:
        return
    curves = [
        Curve(label=f"{names[row['label']]}, AUC {decimal(row['auc'])}", x=row["fpr"], y=row["tpr"])
        for row in known
    ]
    some = f", the first {len(known)} of {len(names)} classes" if len(known) < len(names) else ""
    caption = f"ROC curves of each class against the rest{some}: mean AUC {decimal(roc.get('auc'))}{_ROC}"
    yield Lines(name=f"{name}-roc", caption=caption, panels=[_roc_panel(curves)])


def _roc_panel(curves: Sequence[Curve]) -> Panel:
    return Panel(
        title="ROC",
        x_label="false positive rate",
        y_label="true positive rate",
        curves=curves,
        diagonal=True,
    )


def _of_ordered(found: Mapping[str, Any]) -> Iterator[Block]:
    if "one_off" in found:
        yield Paragraph(
            f"The classes have an order: {decimal(found['one_off'])} of the images get their own class or "
            f"one beside it, 95 % interval {bracketed(found.get('one_off_interval'))}; the mean absolute "
            f"error is {decimal(found.get('mean_absolute_error'))} classes."
        )


def _worst_pairs(pairs: Any) -> Iterator[Block]:
    rows = [
        (str(row.get("class")), str(row.get("predicted")), str(row.get("n")), decimal(row.get("share")))
        for row in _rows(pairs)[:_WORST_PAIRS]
    ]
    if rows:
        yield Table(
            caption="The commonest mistakes, with their share of the images of the class",
            columns=("class", "predicted", "images", "share of the class"),
            rows=rows,
        )


def _by_class(found: Mapping[str, Any], names: Sequence[str]) -> Iterator[Block]:
    rows = _rows(found.get("by_label"))
    if len(rows) != len(names) or "f1" not in rows[0]:
        return
    what = "with 95 % intervals"
    if "f1_interval" not in rows[0]:
        what = ""
    elif "groups" in found:
        what += f" over {found['groups']} groups, whose images go together"
    yield Table(
        caption=" ".join(["Precision, recall and F1 of each class", what]).strip(),
        columns=("class", "images", "precision", "recall", "F1"),
        rows=[
            (
                label,
                str(row.get("n")),
                *(_with_interval(row, figure) for figure in ("precision", "recall", "f1")),
            )
            for label, row in zip(names, rows, strict=True)
        ],
    )


def _with_interval(row: Mapping[str, Any], figure: str) -> str:
    interval = row.get(f"{figure}_interval")
    return decimal(row.get(figure)) + (f" {bracketed(interval)}" if interval else "")


def _calibration(calibration: Any, name: str, names: Sequence[str]) -> Iterator[Block]:
    calibration = _mapping(calibration)
    bins = [row for row in _rows(calibration.get("bins")) if row.get("n")]  # an empty one has no mean
    share = "share_of_label_1" if len(names) == 2 else "share_right"
    if not bins or share not in bins[0]:
        return
    positive, what = (names[-1], f"share of {names[-1]}")
    if len(names) > 2:
        positive, what = "the likeliest class", "share that is right"
    error, brier = decimal(calibration.get("expected_calibration_error")), decimal(calibration.get("brier"))
    bounds = [row.get("interval") or (row[share],) * 2 for row in bins]
    dots = Curve(
        label="bins of the predicted probability",
        x=[row["mean_probability"] for row in bins],
        y=[row[share] for row in bins],
        low=[low for low, _ in bounds],
        high=[high for _, high in bounds],
        dots=True,
    )
    panel = Panel(
        title="calibration",
        x_label=f"mean predicted probability of {positive}",
        y_label=what,
        curves=[dots],
        diagonal=True,
    )
    yield Lines(
        name=f"{name}-calibration",
        caption=(
            "Calibration with 95 % intervals, of the probabilities before a temperature: "
            f"expected calibration error {error}, Brier score {brier}. On the dotted line a probability "
            "means what it says; the bars say how far it may be off"
        ),
        panels=[panel],
    )
    yield Table(
        caption="Calibration by bins of the predicted probability before a temperature",
        columns=("probability", "images", "mean probability", what, "95 % interval"),
        rows=[
            (
                f"{decimal(row.get('from'), 1)} to {decimal(row.get('to'), 1)}",
                str(row["n"]),
                decimal(row.get("mean_probability")),
                decimal(row.get(share)),
                bracketed(row.get("interval")),
            )
            for row in bins
        ],
    )


def _ages(groups: Any) -> tuple[Any, str, list[str]]:
    rows = _rows(groups)
    known = rows if any(row.get("age") != UNKNOWN_AGE for row in rows) else ()  # of other data there are none
    return known, "age group", [str(row.get("age")) for row in known]


def _groups(groups: Any, title: str, names: Sequence[str], name: str) -> Iterator[Block]:
    rows = _rows(groups)
    if not rows or len(rows) != len(names):
        return
    yield Table(
        caption=f"Accuracy by {title}",
        columns=(title, "images", "accuracy, ours", "95 % interval", "published"),
        rows=[
            (
                label,
                str(row.get("n", NONE)),
                decimal(row.get("accuracy")),
                bracketed(row.get("interval")),
                NONE,
            )
            for label, row in zip(names, rows, strict=True)
        ],
    )
    if len(rows) > 2:  # the table is enough for two
        bounds = [row.get("interval") or (None, None) for row in rows]
        series = Series(
            label="ours",
            values=[row.get("accuracy") for row in rows],
            low=[low for low, _ in bounds],
            high=[high for _, high in bounds],
        )
        yield Points(
            name=f"{name}-by-{title.split()[0]}",
            caption=f"Accuracy by {title} with 95 % intervals",
            x_label=title,
            y_label="accuracy",
            categories=[f"{label}, n={row.get('n', NONE)}" for label, row in zip(names, rows, strict=True)],
            series=[series],
        )


# A breakdown is read from the study's JSON as it lies there: a figure that is damaged is left out, no more.
def _rows(values: Any) -> Sequence[Mapping[str, Any]]:
    return [row for row in values if isinstance(row, dict)] if isinstance(values, list | tuple) else []


def _mapping(values: Any) -> Mapping[str, Any]:
    return values if isinstance(values, Mapping) else {}


def _is_list(values: Any, length: int) -> bool:
    return isinstance(values, list | tuple) and len(values) == length
