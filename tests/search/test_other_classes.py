"""A search over folders of cats and dogs, from the build to the export: every text has their names only."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.waiting import SEARCH_S

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CAT, DOG = "cat, [bold]tabby[/bold] | <i>x</i>", "dog $1$ 🐕"
OF_PEOPLE = re.compile(r"(?:fe)?male\b|\bfaces?\b|gender|adience|published", re.IGNORECASE)
RUN = ("--data", "m.parquet", "--backbone", "keras:MobileNetV2", "--weights", "none", "--study", "animals")
SETTINGS = ("--epochs", "1", "--keras-backend", "tensorflow", "--quiet")


def stagewise(folder: Path, module: str, *options: str) -> str:
    """Runs a command to its end and returns all that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=SEARCH_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a finished study of its photographs, and all that its commands printed."""
    folder = tmp_path_factory.mktemp("animals")
    rng = np.random.default_rng(7)
    for number in range(40):
        photo = folder / "photos" / (CAT, DOG)[number % 2].replace("/", "⁄") / f"{number}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        shade = rng.integers(0, 120, (32, 32, 3)) + 120 * (number % 2)
        Image.fromarray(shade.astype(np.uint8)).save(photo)
    said = [
        stagewise(folder, "data_prep.build", "folder", "--root", "photos", "--out", "m.parquet"),
        stagewise(folder, "data_prep.build", "folder", "--root", "photos", "--labels-only", "--json"),
        stagewise(folder, "search.run", "--stage", "lr", *RUN, *SETTINGS),
        stagewise(folder, "search.run", "--stage", "finetune", *RUN, *SETTINGS, "--json"),
        stagewise(folder, "search.show", "animals"),
        stagewise(folder, "search.show", "animals", "--json"),
        stagewise(folder, "search.predict", "animals", "photos", "--csv", "p.csv", "--out", "p.png"),
        stagewise(folder, "search.predict", "animals", "--manifest", "m.parquet", "--json"),
        stagewise(folder, "search.report", "animals"),
    ]
    return folder, "\n".join(said)


def test_commands_say_nothing_of_people(animals: tuple[Path, str]) -> None:
    _, said = animals
    assert OF_PEOPLE.findall(said) == []
    assert DOG in said


def test_files_say_nothing_of_people(animals: tuple[Path, str]) -> None:
    folder, _ = animals
    texts = [
        path
        for path in (folder / "results" / "animals").rglob("*")
        if path.suffix in (".json", ".md", ".csv", ".txt")
    ]
    assert {path.name for path in texts} >= {"study.json", "report.md", "model_card.md", "model.json"}
    found = {f"{path}: {word}" for path in texts for word in OF_PEOPLE.findall(path.read_text("utf-8"))}
    assert found == set()
    page = (folder / "results" / "animals" / "report" / "index.html").read_text("utf-8")
    assert OF_PEOPLE.findall(page.partition("<body>")[2]) == []
