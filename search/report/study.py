"""Study for Python, with its report and the report's figures: what `from search import Study` gives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.errors import InputError
from search.report.words import stage_title
from search.study import study

if TYPE_CHECKING:
    from search.report.document import Figure
    from search.report.render.charts import Chart


class Plot:
    """A figure of the report: a notebook shows its picture, for which nothing is loaded from elsewhere."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    @property
    def chart(self) -> Chart:
        """The figure as a chart of altair, to zoom and to change; a notebook loads Vega to show it."""
        from search.report.render.charts import chart_of

        return chart_of(self._figure)

    def save(self, path: str | Path) -> None:
        """Writes the figure as PNG, as the report has it."""
        Path(path).write_bytes(self._repr_png_())

    def _repr_png_(self) -> bytes:
        from search.report.render.drawing import drawing, picture

        return picture(drawing(self._figure))


class Study(study.Study):
    """A study as `search.study.study` reads it; what is here writes or draws, and loads much more."""

    def report(self, out: str | Path | None = None) -> Path:
        """Writes the report below `out`, None for the study's own folder; returns the path of its index.html.

        The report names the files that could not be read. Raises InputError where no finished stage can be
        read, and where `out` cannot be written.
        """
        from search.report.writer import write_report

        folder = self.layout.report if out is None else Path(out)
        return write_report(self._warning(self.snapshot()), folder, f"{datetime.now(UTC):%Y-%m-%d}")

    def plot_stage(self, name: str, sweep: int = 1) -> Plot:
        """Returns the report's figure of a stage, such as "lr": accuracy by epoch, one curve per value.

        Raises InputError where the stage has not finished, or its trials are not in the folder.
        """
        from search.report.sections.stage_figures import curves_of

        snapshot, result = self.snapshot(), self.stage(name, sweep)
        for figure in curves_of(snapshot, result):
            return Plot(figure)
        raise InputError(f"the trials of {stage_title(result)} are not in {self.folder}; run the stage again")
