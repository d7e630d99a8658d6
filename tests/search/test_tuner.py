"""The door for Python: a Tuner takes the command's options, and a finished stage costs no training."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import search
from data_prep.errors import InputError
from data_prep.manifest import read_manifest
from search import Callback, Study, Tuner
from search.run import main
from search.space.stages import EVERY_STAGE, STAGES
from search.study.folder import open_study
from search.study.layout import Layout
from search.study.ledger import Ledger
from search.study.setup import Problem
from search.study.stage_results import Result
from tests.search.makers import FakeTrainer, write_small_manifest
from tests.search.strategies.test_baselines import write_features
from trainables.trial import TrialConfig

COMMAND = ["--data", "m.parquet", "--preset", "report", "--weights", "none", "--keras-backend", "tensorflow"]


@pytest.fixture
def tuner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tuner:
    """A tuner of a manifest of 80 rows in the current folder, each a group of its own."""
    monkeypatch.chdir(tmp_path)
    write_small_manifest(tmp_path, subjects=80, photos=1)
    return Tuner(data="m.parquet", preset="report", weights="none", keras_backend="tensorflow")


@pytest.fixture
def trained(tuner: Tuner) -> Tuner:
    """The same, whose study has the trials of the learning-rate stage."""
    problem = Problem.of(read_manifest(Path("m.parquet")), "random", "none", "tensorflow")
    folder = Path("results/m").absolute()
    open_study(folder, problem.facts())
    trainer = FakeTrainer(problem, Ledger(folder), lambda trial: 0.5 + 100 * trial.config.learning_rate % 0.4)
    trainer([problem.trial(config, "random") for config in STAGES["lr"].configs(TrialConfig())])
    write_features(problem, tuner.options.study.cache)  # for the linear classifier, or Ray would make them
    return tuner


def test_wishes_are_the_options_of_the_command() -> None:
    tuner = Tuner(data="m.parquet", hidden_units=[512, 256], order=["lr", "l2"], tensorboard=False)
    words = "--data m.parquet --hidden-units 512/256 --order lr,l2 --no-tensorboard"
    assert repr(tuner) == f"<Tuner {words}>"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"repeat": 3}, "there is no option repeat; did you mean repeats?"),
        ({"repeats": 0}, "--repeats: must be a whole number from 1, received '0'"),
    ],
)
def test_wish_that_cannot_be_is_refused(wish: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as refusal:
        Tuner(**wish)  # type: ignore[arg-type]
    assert str(refusal.value) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("learning_rate", "received 'learning_rate'; did you mean lr?"),
        ("finetune", "received 'finetune'; all() runs all of them"),
    ],
)
def test_stage_that_is_none_is_refused(tuner: Tuner, name: str, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        tuner.stage(name)
    assert str(refusal.value) == f"a stage is one of {', '.join(EVERY_STAGE)}, {said}"


def test_study_before_anything_was_run(tuner: Tuner) -> None:
    with pytest.raises(InputError, match=r"results/m is not a study"):
        _ = tuner.study


def test_plan_is_a_table_of_what_would_be_trained(tuner: Tuner) -> None:
    plan = tuner.plan("lr", repeats=2)
    assert sorted(set(plan["learning_rate"])) == sorted(STAGES["lr"].values)
    assert list(plan["seed"]) == [7] * 4 + [8] * 4
    assert not plan["done"].any()
    assert not Path("results").exists()


def test_stage_that_is_trained_gives_its_result_to_callbacks_and_prints_no_table(
    trained: Tuner, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[Result] = []

    class Notes(Callback):
        def search_finished(self, result: Result) -> None:
            heard.append(result)

    result = Tuner(trained.options, callbacks=[Notes()]).stage("lr")
    said = capfd.readouterr()
    assert said.out == ""
    assert "4 of 4 trials are done already" in said.err
    assert heard == [result]
    assert result.table().shape[0] == 4
    assert list(trained.plan("lr")["done"]) == [True] * 4


def test_progress_can_be_silenced(trained: Tuner, capfd: pytest.CaptureFixture[str]) -> None:
    Tuner(trained.options, progress=False).stage("lr")
    assert capfd.readouterr() == ("", "")


def test_command_finds_what_a_call_found(trained: Tuner, capfd: pytest.CaptureFixture[str]) -> None:
    result = trained.stage("lr")
    assert main(["--stage", "lr", *COMMAND]) == 0
    again = trained.study.stage("lr")
    assert again.winner == result.winner
    assert again.table().equals(result.table())


def test_study_draws_the_figure_of_a_stage_and_writes_the_report(trained: Tuner) -> None:
    trained.stage("lr")
    study = Study("results/m")
    plot = study.plot_stage("lr")
    assert plot.chart.to_dict()["layer"][0]["encoding"]["y"]["title"] == "val accuracy"
    plot.save("lr.png")
    with Image.open("lr.png") as picture:
        assert picture.format == "PNG"
    assert study.report() == Layout(study.folder).report / "index.html"
    assert study.report("elsewhere") == Path("elsewhere/index.html")
    with pytest.raises(InputError, match=r"stage dropout, sweep 1, has not finished"):
        study.plot_stage("dropout")


def test_figure_of_a_stage_whose_trials_are_gone(trained: Tuner) -> None:
    trained.stage("lr")
    for path in Layout(trained.folder).trials.iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"the trials of Learning rate are not in .*results/m;"):
        trained.study.plot_stage("lr")


def test_nothing_else_is_offered() -> None:
    assert search.__all__ == ["Callback", "InputError", "Study", "Tuner"]
