from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.statistics_figures import FIGURES, FOLDER, write_figures


@pytest.mark.slow
def test_figures_of_the_documentation_are_those_that_the_command_draws(tmp_path: Path) -> None:
    page = FOLDER.parent / "statistics.md"
    for path in write_figures(tmp_path):
        assert (FOLDER / path.name).is_file()
        assert f"figures/{path.name}" in page.read_text("utf-8")
        assert path.stat().st_size < 30_000
    others = {"accuracy.svg"}  # of benchmarks.accuracy
    assert len({path.name for path in FOLDER.iterdir()} - others) == len(FIGURES)
