"""Part of the report on the winner's validation errors: confusion, ROC, calibration, label, age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.class_names import numbered
from search.report.document import Block, Curve, Lines, Panel, Paragraph, Points, Section, Series, Table
from search.report.words import stage_title
from search.statistics.classification_errors import UNKNOWN_AGE
from search.statistics.number_text import NONE, bracketed, decimal
from search.study.facts import StudyFacts
from search.study.stage_results import Result


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
            *_confusion(found.get("confusion"), names),
            *_roc(found, name, names),
            *_calibration(found.get("calibration"), name, names),
            *_groups(found.get("by_label"), "class", names, name),
            *_groups(*_ages(found.get("by_age")), name),
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
    if not fpr or not tpr or len(names) != 2:
        return
    auc = decimal(roc.get("auc", found.get("auc")))
    panel = Panel(
        title="ROC",
        x_label="false positive rate",
        y_label="true positive rate",
        curves=[Curve(label=f"winner, AUC {auc}", x=fpr, y=tpr)],
        diagonal=True,
    )
    yield Lines(name=f"{name}-roc", caption=f"ROC curve, {names[-1]} as positive: AUC {auc}", panels=[panel])


def _calibration(calibration: Any, name: str, names: Sequence[str]) -> Iterator[Block]:
    calibration = _mapping(calibration)
    bins = [row for row in _rows(calibration.get("bins")) if row.get("n")]  # an empty one has no mean
    if not bins or len(names) != 2:
        return
    positive = names[-1]
    error, brier = decimal(calibration.get("expected_calibration_error")), decimal(calibration.get("brier"))
    bounds = [row.get("interval") or (row["share_of_label_1"],) * 2 for row in bins]
    dots = Curve(
        label="bins of the predicted probability",
        x=[row["mean_probability"] for row in bins],
        y=[row["share_of_label_1"] for row in bins],
        low=[low for low, _ in bounds],
        high=[high for _, high in bounds],
        dots=True,
    )
    panel = Panel(
        title="calibration",
        x_label=f"mean predicted probability of {positive}",
        y_label=f"share of {positive}",
        curves=[dots],
        diagonal=True,
    )
    yield Lines(
        name=f"{name}-calibration",
        caption=f"Calibration with 95 % intervals: expected calibration error {error}, Brier score {brier}",
        panels=[panel],
    )
    yield Table(
        caption="Calibration by bins of the predicted probability",
        columns=("probability", "images", "mean probability", f"share of {positive}", "95 % interval"),
        rows=[
            (
                f"{decimal(row.get('from'), 1)} to {decimal(row.get('to'), 1)}",
                str(row["n"]),
                decimal(row.get("mean_probability")),
                decimal(row.get("share_of_label_1")),
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
