"""The notebook of the examples, executed as a reader does, without the internet."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import nbformat
import pytest

from tests.documented import ROOT

pytestmark = [pytest.mark.ray, pytest.mark.slow]

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
EXECUTE = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=300).execute()
nbformat.write(notebook, "executed.ipynb")
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Any]]:
    """The outputs of the cells, by the last line of each."""
    folder = tmp_path_factory.mktemp("notebook")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"}
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(NOTEBOOK)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(folder / "executed.ipynb", 4).cells
    return {cell.source.splitlines()[-1]: cell.outputs for cell in cells if cell.cell_type == "code"}


def test_stage_shows_a_bar_in_its_place_and_then_its_table(outputs: Mapping[str, list[Any]]) -> None:
    *bars, table = [output.data["text/html"] for output in outputs["lr"] if "data" in output]
    (search,) = [bar for bar in bars if "stage lr" in bar]
    assert "4 of 4 trials" in search
    # features are made while Ray starts; where that takes longer, no bar is needed
    assert all("60/60 images" in bar for bar in bars if "images" in bar)
    assert all(html.startswith("<div><progress") for html in bars)
    assert "<table" in table


def test_study_shows_a_table_and_a_stage_its_figure(outputs: Mapping[str, list[Any]]) -> None:
    assert "<table" in outputs["study"][0].data["text/html"]
    assert "image/png" in outputs['study.plot_stage("lr")'][0].data  # which needs nothing from elsewhere


def test_search_says_nothing_on_standard_error(outputs: Mapping[str, list[Any]]) -> None:
    assert [output for output in outputs["lr"] if output.get("name") == "stderr"] == []


def test_notebook_is_kept_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, 4).cells
    assert [cell.outputs for cell in cells if cell.cell_type == "code" and cell.outputs] == []
