"""The backend of a search's problem: asked for, that of the study, or the faster one on images."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.options.search_options import SearchOptions
from search.strategies import preparation
from search.strategies.preparation import folder_of, on_faster_backend, problem_of
from search.study.folder import open_study
from tests.search.makers import write_small_manifest
from trainables.backend_speed import Work

IMAGES = {"backbone": "keras:MobileNet", "unfrozen_blocks": 1, "epochs": 30}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """Returns the list of what is measured: the backend that is not the usual one is always the faster."""
    asked: list[Work] = []

    def faster_backend(work: Work, usual: str, cache: Path) -> str:
        asked.append(work)
        return {"tensorflow": "jax", "jax": "tensorflow"}[usual]

    monkeypatch.setattr(preparation, "faster_backend", faster_backend)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return asked


def options_of(folder: Path, **values: object) -> SearchOptions:
    always = {
        "data": str(write_small_manifest(folder)),
        "weights": "none",
        "storage": str(folder / "results"),
    }
    return SearchOptions.of(**always, **values)


def test_network_on_images_trains_on_the_faster_backend(tmp_path: Path, measured: list[Work]) -> None:
    options = options_of(tmp_path, **IMAGES)
    problem = problem_of(options)
    assert (problem.keras_backend, on_faster_backend(problem, options).keras_backend) == ("jax", "tensorflow")
    (work,) = measured
    assert work.backbone == "keras:MobileNet"
    assert work.images == 30 * len(problem.splits[0].train)
    assert work.config is not None
    assert work.config.unfrozen_blocks == 1


@pytest.mark.parametrize(
    "values",
    [
        {"backbone": "keras:MobileNet"},
        {**IMAGES, "keras_backend": "jax"},
        {**IMAGES, "address": "10.0.0.1:6379"},
    ],
    ids=["heads", "asked for", "elsewhere"],
)
def test_backend_that_is_no_question_is_not_measured(
    tmp_path: Path, measured: list[Work], values: dict[str, object]
) -> None:
    options = options_of(tmp_path, **values)
    problem = problem_of(options)
    assert on_faster_backend(problem, options) is problem
    assert measured == []


def test_report_keeps_its_backend(tmp_path: Path, measured: list[Work]) -> None:
    options = options_of(tmp_path, **IMAGES)
    write_small_manifest(tmp_path, source="adience")
    problem = problem_of(options)
    assert on_faster_backend(problem, options) is problem
    assert measured == []


@pytest.mark.parametrize("environment", ["", "jax"])
def test_study_keeps_its_backend_where_nobody_asks_for_one(
    tmp_path: Path, measured: list[Work], monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    options = options_of(tmp_path, **IMAGES)
    open_study(folder_of(options), on_faster_backend(problem_of(options), options).facts())
    monkeypatch.setenv("KERAS_BACKEND", environment)
    problem = problem_of(options)
    assert problem.keras_backend == (environment or "tensorflow")
    assert on_faster_backend(problem, options) is problem
    assert len(measured) == 1
