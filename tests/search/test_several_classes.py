"""A search over three and over forty classes, from the build to the predictions of the final model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.search.test_other_classes import SETTINGS, stagewise

pytestmark = [pytest.mark.ray, pytest.mark.slow]

RUN = ("--data", "m.parquet", "--backbone", "keras:MobileNetV2", "--weights", "none", "--study", "kinds")


def draw(folder: Path, names: list[str]) -> None:
    """Draws six photographs of each class, each class in its shade."""
    rng = np.random.default_rng(7)
    for label, name in enumerate(names):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(6):
            shade = rng.integers(0, 60, (32, 32, 3)) + 190 * label // len(names)
            Image.fromarray(shade.astype(np.uint8)).save(folder / "photos" / name / f"{number}.png")


@pytest.mark.parametrize("classes", [3, 5, 40])
def test_classes_go_from_their_folders_to_the_final_model_by_their_names(
    tmp_path: Path, classes: int
) -> None:
    names = [f"kind {number:02d}" for number in range(classes)]
    draw(tmp_path, names)
    stagewise(tmp_path, "data_prep.build", "folder", "--root", "photos", "--out", "m.parquet")
    balanced = ("--class-weight", "balanced", "--objective", "balanced_accuracy")
    stagewise(tmp_path, "search.run", "--stage", "lr", "--values", "0.001", *RUN, *balanced, *SETTINGS)
    stagewise(tmp_path, "search.run", "--stage", "finetune", *RUN, *SETTINGS)
    stagewise(tmp_path, "search.predict", "kinds", "photos", "--top", "3", "--csv", "p.csv")
    stagewise(tmp_path, "search.report", "kinds")
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 6 * classes
    assert [name for name in rows[0] if name.startswith("p(")] == [f"p({name})" for name in names]
    assert {row["name"] for row in rows} <= set(names)
    study = tmp_path / "results" / "kinds"
    stage, decided = (
        json.loads((study / name).read_text("utf-8")) for name in ("stages/lr.json", "finetune.json")
    )
    assert decided["objective"]["metric"] == "balanced_accuracy"
    page = (study / "report" / "index.html").read_text("utf-8")
    assert ("Confusion matrix" in page) == (classes <= 30)
    wrong = [stage["breakdown"]["mistakes"]["pictures"], decided["breakdown"]["mistakes"]["pictures"]]
    assert ('<ul class="gallery">' in page) == any(wrong)
