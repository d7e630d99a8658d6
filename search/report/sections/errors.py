"""Part of the report on the winner's validation errors: confusion, ROC, calibration, label, age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.report.document import Block, Curve, Lines, Panel, Paragraph, Points, Section, Series, Table
from search.report.words import stage_title
from search.statistics.number_text import NONE, bracketed, decimal
from search.study.stage_results import Result

_LABELS = ("0 (female)", "1 (male)")


def errors_section(result: Result) -> Section:
    """Returns the part on the errors of the winner of `result`; figures that are not there are left out."""
    name = f"{result.stage.replace('_', '-')}-errors"
    title = f"Errors of the winner ({stage_title(result).lower()})"
    return Section(name=name, title=title, blocks=errors_blocks(result.breakdown, name))


def errors_blocks(found: Mapping[str, Any] | None, name: str) -> list[Block]:
    """Returns what is said of a breakdown of errors; `name` begins the names of its figures."""
    if not found:
        return [Paragraph("No breakdown of the winner's errors was kept.")]
    intro = (
        f"{found.get('n', NONE)} validation images of the runs with the first seed, accuracy "
        f"{decimal(found.get('accuracy'))}, 95 % interval {bracketed(found.get('interval'))}. "
        "The report published no breakdown of errors."
    )
    return [
        Paragraph(intro),
        *_confusion(found.get("confusion")),
        *_roc(found, name),
        *_calibration(found.get("calibration"), name),
        *_groups(found.get("by_label"), "label", name),
        *_groups(found.get("by_age"), "age", name),
    ]


def _confusion(counts: Any) -> Iterator[Block]:
    if not _is_list(counts, 2) or not all(_is_list(row, 2) for row in counts):
        return
    rows = [
        (label, str(row[0]), str(row[1]), decimal(row[number] / sum(row)) if sum(row) else NONE)
        for number, (label, row) in enumerate(zip(_LABELS, counts, strict=True))
    ]
    yield Table(
        caption="Confusion matrix: images by label (rows) and prediction (columns)",
        columns=("label", *(f"predicted {label}" for label in _LABELS), "share predicted right"),
        rows=rows,
    )


def _roc(found: Mapping[str, Any], name: str) -> Iterator[Block]:
    roc = _mapping(found.get("roc"))
    fpr, tpr = roc.get("fpr"), roc.get("tpr")
    if not fpr or not tpr:
        return
    auc = decimal(roc.get("auc", found.get("auc")))
    panel = Panel(
        title="ROC",
        x_label="false positive rate",
        y_label="true positive rate",
        curves=[Curve(label=f"winner, AUC {auc}", x=fpr, y=tpr)],
        diagonal=True,
    )
    yield Lines(name=f"{name}-roc", caption=f"ROC curve, label 1 as positive: AUC {auc}", panels=[panel])


def _calibration(calibration: Any, name: str) -> Iterator[Block]:
    calibration = _mapping(calibration)
    bins = [row for row in _rows(calibration.get("bins")) if row.get("n")]  # an empty one has no mean
    if not bins:
        return
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
        x_label="mean predicted probability of label 1",
        y_label="share of label 1",
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
        columns=("probability", "images", "mean probability", "share of label 1", "95 % interval"),
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


def _groups(groups: Any, what: str, name: str) -> Iterator[Block]:
    rows = _rows(groups)
    if not rows:
        return
    title = "label" if what == "label" else "age group"
    names = [f"{row.get('label')} ({row['name']})" if "name" in row else str(row.get(what)) for row in rows]
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
            name=f"{name}-by-{what}",
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
