"""TensorBoard's files, read back with TensorBoard's own reader."""

from __future__ import annotations

import re
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from search.study.ledger import Ledger
from search.study.search_id import SearchId
from search.study.stage_results import StageFiles
from search.trackers.tensorboard.writer import TensorBoard
from tests.search.makers import make_entry, make_epochs, make_result, make_stage_result, make_trial
from tests.waiting import PATIENCE_S, running, wait_until
from trainables.trial import Trial, TrialResult, TrialStatus

sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))  # TensorFlow takes seconds to import
metadata = pytest.importorskip("tensorboard.plugins.hparams.metadata")
accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ONE, TWO = (make_trial(epochs=3, learning_rate=rate, seed=8) for rate in (0.1, 0.001))


def train(board: TensorBoard, result: TrialResult) -> None:
    board.trial_started(result.trial)
    for metrics in result.epochs:
        board.epoch_ended(result.trial, metrics)
    board.trial_ended(result)


def runs_below(study: Path) -> list[str]:
    return sorted(
        path.relative_to(study / "tensorboard").as_posix() for path in (study / "tensorboard").glob("*/*")
    )


def read(folder: Path) -> Any:
    (_,) = folder.glob("events.*")
    return accumulator.EventAccumulator(str(folder)).Reload()


def read_run(study: Path, trial: Trial) -> Any:
    (folder,) = (study / "tensorboard").glob(f"*/*_{trial.key}")
    return read(folder)


def hparams_of(events: Any, tag: str) -> Any:
    content = events.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content
    return getattr(metadata, f"parse_{tag}_plugin_data")(content)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[TensorBoard]:
    """Follows the learning-rate stage of a study that has no trials."""
    board = TensorBoard(tmp_path, Ledger(tmp_path))
    board.search_began(SearchId.parse("stage lr"), 2)
    yield board
    board.close()


def test_epochs_are_scalars_with_the_objective_so_far(board: TensorBoard, tmp_path: Path) -> None:
    train(board, make_result(ONE, 0.5, 0.75, 0.7))
    events = read_run(tmp_path, ONE)
    for name, values in (
        ("val_accuracy", [0.5, 0.75, 0.7]),
        ("mean_val_accuracy", [0.5, 0.625, 0.65]),
        ("best_val_accuracy", [0.5, 0.75, 0.75]),
        ("loss", [0.5] * 3),
    ):
        assert [scalar.value for scalar in events.Scalars(name)] == pytest.approx(values)
        assert [scalar.step for scalar in events.Scalars(name)] == [1, 2, 3]


def test_epochs_can_be_read_while_a_trial_runs(board: TensorBoard, tmp_path: Path) -> None:
    board.trial_started(ONE)
    board.epoch_ended(ONE, make_epochs([0.5])[0])
    assert len(read_run(tmp_path, ONE).Scalars("val_accuracy")) == 1


def test_folder_of_a_trial_tells_stage_value_seed_split_and_key(board: TensorBoard, tmp_path: Path) -> None:
    train(board, make_result(ONE, 0.5))
    board.search_began(SearchId.parse("stage neurons"), 1)
    train(board, make_result(TWO, 0.5))
    board.search_began(SearchId.parse("joint tpe"), 1)
    train(board, make_result(make_trial(), 0.5))
    assert runs_below(tmp_path) == [
        f"joint/seed7_random_{make_trial().key}",
        f"lr/0.1_seed8_random_{ONE.key}",
        f"neurons/1024-512-256_seed8_random_{TWO.key}",
    ]


def test_hyperparameters_stand_with_the_stage(board: TensorBoard, tmp_path: Path) -> None:
    train(board, make_result(ONE, 0.5))
    values = hparams_of(read_run(tmp_path, ONE), "session_start_info").hparams
    assert values["learning_rate"].number_value == 0.1
    assert values["hidden_units"].string_value == "1024/512/256"
    assert (values["stage"].string_value, values["split"].string_value) == ("lr", "random")


@pytest.mark.parametrize(
    ("status", "shown"),
    [(TrialStatus.COMPLETED, "SUCCESS"), (TrialStatus.STOPPED, "SUCCESS"), (TrialStatus.FAILED, "FAILURE")],
)
def test_end_of_a_trial_has_its_status(
    board: TensorBoard, tmp_path: Path, status: TrialStatus, shown: str
) -> None:
    train(board, make_result(ONE, 0.5, status=status))
    end = hparams_of(read_run(tmp_path, ONE), "session_end_info")
    name = type(end).DESCRIPTOR.fields_by_name["status"].enum_type.values_by_number[end.status].name
    assert name == f"STATUS_{shown}"


def domains_in(study: Path) -> dict[str, Any]:
    experiment = hparams_of(read(study / "tensorboard"), "experiment")
    return {info.name: info for info in experiment.hparam_infos}


def test_domains_are_the_values_of_the_stages_and_those_met(board: TensorBoard, tmp_path: Path) -> None:
    for trial in (ONE, make_trial(learning_rate=0.5, batch_size=2)):
        train(board, make_result(trial, 0.5))
    domains = domains_in(tmp_path)
    rates, seeds = domains["learning_rate"].domain_interval, domains["seed"].domain_interval
    assert (rates.min_value, rates.max_value) == (1e-5, 0.5)
    assert (seeds.min_value, seeds.max_value) == (7, 8)
    assert list(domains["batch_size"].domain_discrete) == [1, 2, 4, 8, 16, 32, 64]
    assert "1024/512/256" in list(domains["hidden_units"].domain_discrete)
    assert domains["learning_rate_schedule"].type == domains["backbone"].type != domains["l2"].type


def test_what_differs_is_shown_at_first(board: TensorBoard, tmp_path: Path) -> None:
    for trial in (ONE, make_trial(epochs=3, learning_rate=0.5, seed=7)):
        train(board, make_result(trial, 0.5))
    differing = {name for name, info in domains_in(tmp_path).items() if info.differs}
    assert differing == {"learning_rate", "seed"}
    board.search_began(SearchId.parse("stage neurons"), 1)
    train(board, make_result(TWO, 0.5))
    assert domains_in(tmp_path)["stage"].differs


def test_domains_outlast_the_process_also_of_a_population(tmp_path: Path) -> None:
    for rate in (0.5, 0.25):  # no trial of a population stands in the ledger
        board = TensorBoard(tmp_path, Ledger(tmp_path))
        board.search_began(SearchId.parse("joint random"), 1)
        train(board, make_result(make_trial(learning_rate=rate, batch_size=2), 0.5))
        board.close()
    domains = domains_in(tmp_path)
    assert domains["learning_rate"].domain_interval.max_value == 0.5
    assert domains["learning_rate"].differs
    assert not domains["batch_size"].differs


def test_metrics_of_the_table_begin_with_the_objective(board: TensorBoard, tmp_path: Path) -> None:
    train(board, make_result(ONE, 0.5))
    metrics = hparams_of(read(tmp_path / "tensorboard"), "experiment").metric_infos
    assert [info.name.tag for info in metrics][:2] == ["mean_val_accuracy", "best_val_accuracy"]


def test_trial_that_starts_again_has_each_epoch_once(board: TensorBoard, tmp_path: Path) -> None:
    board.trial_started(ONE)
    board.epoch_ended(ONE, make_epochs([0.25])[0])
    train(board, make_result(ONE, 0.5, 0.75))
    assert [scalar.value for scalar in read_run(tmp_path, ONE).Scalars("val_accuracy")] == [0.5, 0.75]


def test_trial_that_continued_at_a_later_epoch_has_all_of_them(board: TensorBoard, tmp_path: Path) -> None:
    result = make_result(ONE, 0.5, 0.75)
    board.trial_started(ONE)
    board.epoch_ended(ONE, result.epochs[1])
    board.trial_ended(result)
    assert [scalar.step for scalar in read_run(tmp_path, ONE).Scalars("val_accuracy")] == [1, 2]


def test_trial_that_an_earlier_process_was_cut_in_is_there_once(tmp_path: Path) -> None:
    for stage in ("stage lr", "stage dropout"):
        board = TensorBoard(tmp_path, Ledger(tmp_path))
        board.search_began(SearchId.parse(stage), 1)
        board.trial_started(ONE)
        board.epoch_ended(ONE, make_epochs([0.5])[0])
        board.close()
    assert runs_below(tmp_path) == [f"dropout/0_seed8_random_{ONE.key}"]


def test_trial_that_is_trained_again_for_its_weights_stays_as_it_is(
    board: TensorBoard, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(ONE, 0.5))
    train(board, make_result(ONE, 0.5))
    board.search_began(SearchId.parse("weights"), 1)
    train(board, make_result(ONE, 0.25))
    assert runs_below(tmp_path) == [f"lr/0.1_seed8_random_{ONE.key}"]
    assert [scalar.value for scalar in read_run(tmp_path, ONE).Scalars("val_accuracy")] == [0.5]


def test_stopped_trial_that_runs_to_its_end_stays_where_it_was_first_met(
    board: TensorBoard, tmp_path: Path
) -> None:
    train(board, make_result(ONE, 0.5, status=TrialStatus.STOPPED))
    board.search_began(SearchId.parse("stage neurons"), 1)
    train(board, make_result(ONE, 0.5, 0.75))
    assert runs_below(tmp_path) == [f"lr/0.1_seed8_random_{ONE.key}"]
    assert len(read_run(tmp_path, ONE).Scalars("val_accuracy")) == 2


def test_damaged_events_cost_no_more_than_their_domains(board: TensorBoard, tmp_path: Path) -> None:
    train(board, make_result(ONE, 0.5))
    (path,) = (tmp_path / "tensorboard").glob("*/*/events.*")
    path.write_bytes(path.read_bytes()[:50] + b"\xff" * 50)
    TensorBoard(tmp_path, Ledger(tmp_path)).close()


def test_trials_of_the_ledger_are_written_once(board: TensorBoard, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(make_result(ONE, 0.5, 0.75))
    entry = make_entry(config=ONE.config, trials=(ONE.key, "0" * 16), reused=(ONE.key,))
    for stage in ("lr", "dropout"):
        board.search_finished(make_stage_result(stage, entries=(entry,), winner=ONE.config))
    assert runs_below(tmp_path) == [f"lr/0.1_seed8_random_{ONE.key}"]
    assert len(read_run(tmp_path, ONE).Scalars("loss")) == 2


def test_study_that_goes_on_writes_nothing_twice(make_study: Callable[..., Path]) -> None:
    study = make_study(repeats=2, epochs=2, joint=8)
    before: dict[Path, bytes] = {}
    for _ in range(2):
        board = TensorBoard(study, Ledger(study))
        for result in StageFiles(study).all():
            board.search_finished(result)
        board.close()
        files = {path: path.read_bytes() for path in (study / "tensorboard").rglob("*") if path.is_file()}
        assert files == (before or files)
        before = files
    assert len(runs_below(study)) == len(list(Ledger(study).results()))


def test_disk_that_refuses_ends_no_search(board: TensorBoard, tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.warns(UserWarning, match="tensorboard cannot be written .*TensorBoard is left out from here"):
        train(board, make_result(ONE, 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(board, make_result(TWO, 0.5))
        board.close()


@contextmanager
def serving(folder: Path, log: Path) -> Iterator[str]:
    """Gives the address of a TensorBoard that reads `folder`, and writes into `log`."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0"]
    with log.open("wb") as said, running(command, folder, stdout=said, stderr=said) as server:

        def address() -> re.Match[str] | None:
            assert server.poll() is None, log.read_text()
            return re.search(r"http://localhost:\d+/", log.read_text())

        yield wait_until(address, "TensorBoard says its address")[0]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found; apt-get install chromium")
def test_page_of_hyperparameters_ticks_what_differs(board: TensorBoard, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    for trial in (ONE, make_trial(epochs=3, learning_rate=0.5, seed=7)):
        train(board, make_result(trial, 0.5))
    board.search_began(SearchId.parse("stage neurons"), 1)
    train(board, make_result(TWO, 0.5))
    served = serving(tmp_path / "tensorboard", tmp_path / "log")
    with served as address, sync_api.sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]).new_page()
        page.goto(f"{address}#hparams")
        ticked = page.locator("paper-checkbox[checked]")  # before the study is read, those of the statuses
        for place, name in enumerate(("learning rate", "seed", "stage")):
            sync_api.expect(ticked.nth(place)).to_have_text(name, timeout=1000 * PATIENCE_S)
