"""Figures and table of a stage, as Weights & Biases shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from search.study.finetune_result import FinetuneResult
from search.study.stage_results import StageResult

if TYPE_CHECKING:
    from search.trackers.runs import Decided

NamedPicture = tuple[str, str, bytes]  # name, caption, PNG


def media_of(figures: Sequence[NamedPicture], table: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Returns pictures and table by name, made for one run: wandb binds them to it."""
    import wandb

    media = {name: wandb.Image(Image.open(BytesIO(png)), caption=caption) for name, caption, png in figures}
    rows = [list(row.values()) for row in table]
    return {**media, "table": wandb.Table(columns=list(table[0]), data=rows)}


def figures_of(study: Path, result: Decided) -> list[NamedPicture]:
    """Returns name, caption and PNG of each figure that the report has on `result`."""
    from search.report.document import Document  # takes a second, and the search imports this module, too
    from search.report.render.drawing import drawing, picture
    from search.report.sections.errors import errors_section
    from search.report.sections.finetune import finetune_sections
    from search.report.sections.joint import joint_section
    from search.report.sections.stages import stage_section
    from search.study.study import Study

    snapshot = Study(study).snapshot()
    if isinstance(result, FinetuneResult):
        sections = [part for part in finetune_sections(snapshot) if part.name.startswith("finetune")]
    elif isinstance(result, StageResult):
        sections = [stage_section(snapshot, result), errors_section(result, snapshot.facts)]
    else:
        sections = [joint_section(snapshot, result), errors_section(result, snapshot.facts)]
    document = Document(title="", made_on="", sections=sections)
    return [(figure.name, figure.caption, picture(drawing(figure))) for figure in document.figures()]
