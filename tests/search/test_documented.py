"""The commands of README.md and docs/, run as they stand there: on a small drawn sample and on made studies.

A search is run to where it would train (--dry-run); `tests/search/test_end_to_end.py` trains.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from data_prep import build
from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import load_celeba
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.datasets.folder import load_folder
from data_prep.manifest import read_manifest
from search import compare, run, show
from search.final_model.model_file import ModelFile
from search.prediction.classification import Classification
from search.report import __main__ as report
from search.study.setup import Problem
from tests.trainables.models import write_convolution_model

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
MAIN = {
    "data_prep.build": build.main,
    "search.run": run.main,
    "search.show": show.main,
    "search.report": report.main,
    "search.compare": compare.main,
}


def documented(module: str) -> list[str]:
    """Returns the options with which the pages call a program in a line of its own."""
    lines = (line for page in PAGES for line in page.read_text("utf-8").splitlines())
    start = f"python -m {module} "
    return sorted(
        {line.removeprefix(start).partition(" # ")[0].strip() for line in lines if line.startswith(start)}
    )


def promised(module: str) -> set[str]:
    """Returns the first names of the object that the reference promises for `module … --json`."""
    found = re.search(rf"`python -m {re.escape(module)} … --json`[^`]*`\{{(.*)\}}`", REFERENCE)
    assert found
    flat = found[1]
    while (flatter := re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", flat)) != flat:
        flat = flatter
    return set(re.findall(r'"(\w+)"', flat))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory, write_study: Callable[..., Path]) -> Path:
    """A folder with what the pages speak of: Adience, CelebA, photographs, their manifests, two studies."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_sample(folder, photos=100, celeba_photos=60)
    labels = load_adience(folder / "adience")
    for row in labels.table.itertuples():
        there = folder / "my_photos" / ("female", "male")[row.label]
        there.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "adience" / row.path, there)
    build.build_manifest(labels, folder / "adience.parquet")
    build.build_manifest(load_folder(folder / "my_photos"), folder / "mine.parquet")
    build.build_manifest(load_celeba(folder / "celeba"), folder / "celeba.parquet")
    shutil.copy(folder / "mine.parquet", folder / "faces.parquet")
    (folder / "moved").mkdir()
    shutil.copytree(folder / "my_photos", folder / "moved" / "my_photos")
    (folder / "my_backbone.weights.h5").write_bytes(b"weights")
    of_adience = facts_of(folder / "adience.parquet")
    (folder / "results").mkdir()
    write_study(folder / "results" / "adience", ["lr", "dropout"], epochs=2, joint=8, **of_adience)
    write_study(folder / "results" / "faces", ["lr"], epochs=2, **facts_of(folder / "mine.parquet"))
    return folder


@pytest.fixture
def workplace(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: what was drawn, and two studies of it, adience finished and faces begun."""
    for there in drawn.iterdir():
        if there.name != "results":
            (tmp_path / there.name).symlink_to(there)
    shutil.copytree(drawn / "results", tmp_path / "results")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def facts_of(manifest: Path) -> Mapping[str, Any]:
    return Problem.of(read_manifest(manifest), "random", None, "auto").facts().to_dict()


def run_as_documented(module: str, options: str) -> None:
    assert MAIN[module](shlex.split(options)) == 0


@pytest.mark.parametrize("options", documented("data_prep.build"))
def test_build_as_documented(workplace: Path, options: str, capsys: pytest.CaptureFixture[str]) -> None:
    run_as_documented("data_prep.build", options)
    assert "rows kept" in capsys.readouterr().out


@pytest.mark.parametrize("options", documented("search.run"))
def test_search_as_documented(workplace: Path, options: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "…" in options:
        pytest.skip("its options are left open")
    run_as_documented("search.run", f"{options.removesuffix(' --dry-run')} --dry-run")
    assert "to train" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["search.show", "search.report", "search.compare"])
def test_results_are_read_as_documented(
    workplace: Path, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = documented(module)
    assert found
    for options in found:
        run_as_documented(module, options)
    assert capsys.readouterr().out


@pytest.fixture
def modelled(workplace: Path) -> Path:
    """The current folder, with a final model in adience and flowers and the photographs of the pages."""
    (workplace / "results" / "adience" / "winner").mkdir()
    write_convolution_model(workplace / "results" / "adience" / "winner" / "model.keras")
    shutil.copytree(workplace / "results" / "adience", workplace / "results" / "flowers")
    shutil.copytree(workplace / "results" / "adience" / "winner", workplace / "results" / "faces" / "winner")
    faces = sorted((workplace / "adience" / "aligned").rglob("*.jpg"))
    names = ("ann.jpg", "party.jpg", "holiday/a.jpg", "more/x/b.jpg", "garden/rose.jpg")
    for name, face in zip(names, faces, strict=False):
        (workplace / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(face, workplace / name)
    return workplace


# one process for all options, as Keras takes seconds to import
IN_TURN = """
import importlib, json, sys
main = importlib.import_module(sys.argv[1]).main
for options in json.load(sys.stdin):
    if main(options):
        sys.exit(f"{options} failed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["search.predict", "search.export"])
def test_final_model_is_used_as_documented(modelled: Path, module: str) -> None:
    found = documented(module)
    assert len(found) >= 3
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, module],
        input=json.dumps([shlex.split(options) for options in found]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


def json_of(module: str, options: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    run_as_documented(module, f"{options} --json")
    return dict(json.loads(capsys.readouterr().out))


def test_object_of_build_is_the_promised_one(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = json_of("data_prep.build", "adience --root adience --labels-only", capsys)
    assert printed.keys() == promised("data_prep.build")


def test_object_of_show_is_the_promised_one(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json_of("search.show", "adience", capsys).keys() == promised("search.show")


def test_object_of_predict_is_the_promised_one() -> None:
    model = ModelFile(path=Path("model.keras"), facts={})
    found = Classification(model=model, input_px=224, rows=[], metrics={})
    assert found.to_dict(figures=[]).keys() == promised("search.predict")
