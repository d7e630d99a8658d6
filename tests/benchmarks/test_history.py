"""The page of measurements over time: what the command writes from the files in the repository."""

from __future__ import annotations

from datetime import date
from typing import Any

from benchmarks.history import FIGURES, FILES, PAGE, Figure, page_of, results_in, value_at

MACHINE = {"cores": 2, "processor": "X", "load_1min": 1.5, "python": "3.11", "versions": {"keras": "3.15"}}


def result(**values: Any) -> dict[str, Any]:
    """What a file of --json holds."""
    return {"measured_on": "2026-11-26", "benchmark": "build", "machine": MACHINE, **values}


def test_page_in_the_docs_is_what_the_command_writes() -> None:
    assert PAGE.read_text("utf-8") == page_of(results_in(FILES)), "run python -m benchmarks.history"


def test_files_are_named_by_their_day_and_benchmark() -> None:
    for path in FILES.glob("*.json"):
        day, benchmark = path.stem[:10], path.stem[11:].split("-")[0]
        assert date.fromisoformat(day)
        assert benchmark in FIGURES, (
            f"{path.name} is of a benchmark that has no figures in benchmarks/history.py"
        )


def test_run_is_a_line_with_its_day_figures_and_machine() -> None:
    lines = page_of([result(share=0.94), result(share=1.04, copied=True)]).splitlines()
    assert lines[-4] == "| day | build, share of the speed of decoding | machine |"
    assert lines[-2] == "| 2026-11-26 | 94% | 2 cores of X, load 1.5; keras 3.15 |"
    assert lines[-1].startswith("| 2026-11-26 * | 104% |")


def test_figure_that_a_file_lacks_is_an_empty_cell() -> None:
    assert page_of([result()]).splitlines()[-1].startswith("| 2026-11-26 |  |")


def test_value_lies_at_a_path_of_names_and_places() -> None:
    found = {"driver": [{"trials": 20}, {"trials": 5000}]}
    assert value_at(found, "driver.-1.trials") == 5000
    assert value_at(found, "driver.7.trials") is None
    assert value_at(found, "nodes.trials") is None
    assert Figure("trials", "x", "{:,}").form.format(5000) == "5,000"
