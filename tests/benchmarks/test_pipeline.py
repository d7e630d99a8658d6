"""The benchmark of training on images: what it counts as waiting, and what it prints."""

import json
from pathlib import Path

import pytest

from benchmarks.image_steps import Steps
from benchmarks.pipeline import main


def test_waiting_is_a_share_of_all() -> None:
    assert Steps(steps=4, images=64, total_s=2.0, waiting_s=0.1).waiting_share == pytest.approx(0.05)


@pytest.mark.benchmark
def test_benchmark_runs_at_its_smallest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--batch-size", "2", "--steps", "1", "--json", str(tmp_path / "pipeline.json")])
    assert code == 0
    result = json.loads((tmp_path / "pipeline.json").read_text("utf-8"))
    assert set(result["augment"]) == {"none", "flip", "crop_flip"}
    assert all(0 <= each["waiting_share"] < 1 for each in result["augment"].values())
    assert "waiting for data" in capsys.readouterr().out
