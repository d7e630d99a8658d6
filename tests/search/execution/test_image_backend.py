"""The backend of a search's problem: asked for, that of the study, or the faster one on images."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.execution import image_backend
from search.execution.image_backend import on_faster_backend
from search.options.search_options import SearchOptions
from search.strategies.preparation import Prepared, folder_of, plans_of, problem_of
from search.study.facts import read_facts
from search.study.folder import open_study
from search.study.ledger import Ledger
from search.study.setup import Problem
from tests.search.makers import write_small_manifest
from trainables.backend_speed import Work
from trainables.trial import Trial, TrialConfig, TrialResult, TrialStatus

IMAGES = {"stage": "lr", "backbone": "keras:MobileNet", "unfrozen_blocks": 1, "epochs": 30}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """Returns the list of what is measured: the backend that is not the usual one is always the faster."""
    asked: list[Work] = []

    def faster_backend(work: Work, usual: str, cache: Path) -> str:
        asked.append(work)
        return {"tensorflow": "jax", "jax": "tensorflow"}[usual]

    monkeypatch.setattr(image_backend, "faster_backend", faster_backend)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return asked


def options_of(folder: Path, **values: object) -> SearchOptions:
    always = {
        "data": str(write_small_manifest(folder)),
        "weights": "none",
        "storage": str(folder / "results"),
    }
    return SearchOptions.of(**always, **values)


def prepared_of(options: SearchOptions) -> Prepared:
    options = options.for_data("sample")
    return Prepared(options=options, problem=problem_of(options), ledger=Ledger(folder_of(options)))


def chosen(options: SearchOptions) -> Problem:
    """Returns the problem with the backends that the search of these options uses."""
    prepared = prepared_of(options)
    return on_faster_backend(prepared, plans_of(prepared), None)


def keep_trial(options: SearchOptions, config: TrialConfig) -> Trial:
    """Has the study of these options such a trial, made on the backends that it has by now."""
    problem = problem_of(options)
    open_study(folder_of(options), problem.facts())
    trial = problem.trial(config, problem.splits[0].name)
    failed = TrialResult(trial=trial, status=TrialStatus.FAILED, epochs=(), seconds=1.0, reason="no reason")
    Ledger(folder_of(options)).record(failed, None)
    return trial


def test_network_on_images_trains_on_the_faster_backend_and_heads_on_theirs(
    tmp_path: Path, measured: list[Work]
) -> None:
    options = options_of(tmp_path, **IMAGES)
    problem = chosen(options)
    (work,) = measured
    assert (work.backbone, work.config and work.config.unfrozen_blocks) == ("keras:MobileNet", 1)
    (plan,) = plans_of(prepared_of(options))
    assert work.images == 30 * len(problem.splits[0].train) * len(plan.trials())
    heads, images = TrialConfig(), TrialConfig(unfrozen_blocks=1)
    backends = [problem.trial(config, "subject").keras_backend for config in (heads, images)]
    assert backends == ["jax", "tensorflow"]
    assert (problem.facts().keras_backend, problem.facts().image_backend) == ("jax", "tensorflow")
    assert problem.facts().backends == "jax, on images tensorflow"


def test_study_of_heads_takes_on_a_backend_for_images(tmp_path: Path, measured: list[Work]) -> None:
    head = keep_trial(options_of(tmp_path), TrialConfig())
    options = options_of(tmp_path, **IMAGES)
    problem = chosen(options)
    assert problem.image_backend == "tensorflow"
    assert problem.trial(head.config, head.split).key == head.key
    open_study(folder_of(options), problem.facts())
    assert read_facts(folder_of(options)).image_backend == "tensorflow"
    assert problem_of(options).image_backend == "tensorflow"  # from now on
    assert chosen(options).image_backend == "tensorflow"
    assert len(measured) == 1


def test_fine_tuning_of_blocks_counts_before_there_is_a_winner(tmp_path: Path, measured: list[Work]) -> None:
    assert chosen(options_of(tmp_path, stage="all", finetune="blocks:2")).image_backend == "tensorflow"
    (work,) = measured
    assert work.config is not None
    assert work.config.unfrozen_blocks == 2


def test_study_with_trials_on_images_keeps_their_backend(tmp_path: Path, measured: list[Work]) -> None:
    options = options_of(tmp_path, **IMAGES)
    before = keep_trial(options, TrialConfig(unfrozen_blocks=1))
    problem = chosen(options)
    assert problem.image_backend == ""
    assert problem.trial(before.config, before.split).key == before.key
    assert measured == []


def test_backend_that_is_asked_for_holds_for_all(tmp_path: Path, measured: list[Work]) -> None:
    options = options_of(tmp_path, **IMAGES)
    open_study(folder_of(options), chosen(options).facts())
    keep_trial(options, TrialConfig(unfrozen_blocks=1))
    asked = options_of(tmp_path, **IMAGES, keras_backend="jax")
    assert problem_of(asked).image_backend == ""
    with pytest.raises(InputError, match="image_backend 'tensorflow' there and None now"):
        open_study(folder_of(asked), problem_of(asked).facts())


@pytest.mark.parametrize(
    "values",
    [
        {"stage": "lr", "backbone": "keras:MobileNet"},
        {**IMAGES, "keras_backend": "jax"},
        {**IMAGES, "address": "10.0.0.1:6379"},
    ],
    ids=["heads", "asked for", "elsewhere"],
)
def test_backend_that_is_no_question_is_not_measured(
    tmp_path: Path, measured: list[Work], values: dict[str, object]
) -> None:
    assert chosen(options_of(tmp_path, **values)).image_backend == ""
    assert measured == []


def test_report_keeps_its_backend(tmp_path: Path, measured: list[Work]) -> None:
    options = options_of(tmp_path, **IMAGES)
    write_small_manifest(tmp_path, source="adience")
    assert chosen(options).image_backend == ""
    assert measured == []


@pytest.mark.parametrize("environment", ["", "tensorflow"])
def test_study_keeps_its_backend_where_nobody_asks_for_one(
    tmp_path: Path, measured: list[Work], monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    options = options_of(tmp_path)
    open_study(folder_of(options), problem_of(options).facts())
    monkeypatch.setenv("KERAS_BACKEND", environment)
    assert problem_of(options).keras_backend == (environment or "jax")
