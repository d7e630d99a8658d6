"""A large ledger: the program at its smallest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.growth import main
from benchmarks.invented_study import write_study
from search.study.ledger import Ledger


def test_invented_study_has_as_many_trials_as_wished(tmp_path: Path) -> None:
    keys = {result.trial.key for result in Ledger(write_study(tmp_path / "study", 7)).results()}
    assert len(keys) == 7


@pytest.mark.benchmark
def test_smallest_ledger(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert main(["--trials", "5", "--folder", str(tmp_path), "--json", str(out)]) == 0
    found = json.loads(out.read_bytes())
    assert (found["trials"], found["show"]["wall_s"] > 0) == (5, True)
