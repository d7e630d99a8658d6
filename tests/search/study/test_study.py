"""The study that is there, as commands and Python find and read it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_prep.errors import InputError
from search.study.facts import StudyFacts
from search.study.folder import open_study
from search.study.ledger import Ledger
from search.study.study import Study
from search.study.tables import EPOCH_COLUMNS, TRIAL_COLUMNS
from tests.search.makers import make_result, make_trial

Make = Callable[..., Path]

FACTS = StudyFacts(data_digest="d1", split="random")


def test_study_is_found_by_name_and_by_folder(tmp_path: Path) -> None:
    open_study(tmp_path / "demo", FACTS)
    assert Study.find("demo", tmp_path).folder == tmp_path / "demo"
    assert Study.find(str(tmp_path / "demo"), tmp_path / "elsewhere").folder == tmp_path / "demo"


@pytest.mark.parametrize(("made", "there"), [((), "none"), (("b", "a"), "a, b")])
def test_study_that_is_not_there_lists_what_is(tmp_path: Path, made: tuple[str, ...], there: str) -> None:
    for name in made:
        open_study(tmp_path / name, FACTS)
    with pytest.raises(InputError, match=rf"there is no study demo in .* \(there: {there}\); give its name"):
        Study.find("demo", tmp_path)


def test_study_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_study(tmp_path / "results" / "demo", FACTS)
    monkeypatch.chdir(tmp_path)
    study = Study("results/demo")
    assert (study.folder, study.facts) == (tmp_path / "results" / "demo", FACTS)


def test_study_of_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a study: it has no study\.json; give a study's folder"):
        Study(tmp_path)


def test_study_does_not_import_what_only_its_tables_need() -> None:
    code = "import sys, search.study.study; print({'pandas', 'keras', 'ray'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


def test_trials_are_a_row_each_with_hyperparameters_and_objective(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=2, repeats=2)
    table = Study(folder).trials()
    assert len(table) == len(list((folder / "trials").iterdir())) == 8
    assert set(table["learning_rate"]) == {0.1, 0.001, 0.0003, 0.00001}
    row = table.iloc[0]
    ended = Ledger(folder).find_key(row["key"])
    assert ended
    assert (row["objective"], row["best_val_accuracy"]) == (ended.mean_val_accuracy, ended.best_val_accuracy)
    assert (row["status"], row["split"], row["seconds"]) == ("COMPLETED", "random", ended.seconds)
    assert row["hidden_units"] == (1024, 512, 256)


def test_trials_stand_in_the_order_of_their_ends(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    last, *_, first = sorted((folder / "trials").iterdir())
    for path, moment in ((first, 1), (last, 4e9)):
        os.utime(path, (moment, moment))
    keys = list(Study(folder).trials()["key"])
    assert (keys[0], keys[-1]) == (first.stem, last.stem)


def test_epochs_are_a_row_each(make_study: Make) -> None:
    table = Study(make_study(stages=("lr",), epochs=3)).epochs()
    assert list(table["epoch"]) == [1, 2, 3] * 4
    assert table["key"].nunique() == 4
    assert {"loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", "seconds"} <= set(table)


def test_tables_of_a_study_without_trials_have_their_columns(tmp_path: Path) -> None:
    open_study(tmp_path, FACTS)
    study = Study(tmp_path)
    assert (tuple(study.trials()), tuple(study.epochs())) == (TRIAL_COLUMNS, EPOCH_COLUMNS)
    assert (study.stages, study.joint, study.winner) == ([], None, None)


def test_stages_joint_and_winner(make_study: Make) -> None:
    folder = make_study(stages=("lr", "dropout"), epochs=2, joint=4)
    study = Study(folder)
    assert [result.stage for result in study.stages] == ["lr", "dropout"]
    assert study.joint
    assert study.winner == study.joint.winner


def test_stage_that_has_not_finished_names_those_that_have(make_study: Make) -> None:
    study = Study(make_study(stages=("lr",), epochs=1))
    assert study.stage("lr").stage == "lr"
    with pytest.raises(
        InputError, match=r"stage dropout, sweep 1, has not finished in .* \(finished: lr\); run"
    ):
        study.stage("dropout")


def test_study_tells_how_things_stand_now(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    study = Study(folder)
    before = study.trials()
    Ledger(folder).record(make_result(make_trial(learning_rate=0.5), 0.75))
    assert len(study.trials()) == len(before) + 1


def test_damaged_file_is_left_out_with_a_warning_that_names_it(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    damaged = min((folder / "trials").iterdir())
    damaged.write_text("{")
    study = Study(folder)
    with pytest.warns(UserWarning, match=rf"left out: {damaged} is damaged"):
        assert len(study.trials()) == 3
    assert study.unread == [
        f"{damaged} is damaged (Expecting property name enclosed in double quotes: line 1 column 2 "
        "(char 1)); the next run that needs the trial trains it again"
    ]
    assert damaged.exists()


def test_damaged_facts_are_an_error(make_study: Make) -> None:
    folder = make_study(stages=("lr",), epochs=1)
    (folder / "study.json").write_text("{")
    with pytest.raises(InputError, match=r"study\.json is damaged"):
        Study(folder).trials()


def test_study_in_a_notebook_is_a_table_of_its_stages(make_study: Make) -> None:
    page = Study(make_study("a<b", stages=("lr",), epochs=1))._repr_html_()
    assert page.startswith("<p>study a&lt;b: 12,194 photographs")
    assert "learning rate" in page


def test_stage_is_a_table_of_its_values(make_study: Make) -> None:
    result = Study(make_study(stages=("lr",), epochs=2, repeats=3)).stage("lr")
    table = result.table()
    assert list(table["learning_rate"]) == [entry.value for entry in result.entries]
    assert list(table["objective"]) == [entry.mean for entry in result.entries]
    assert set(table["runs"]) == {3}
    lost = table[table["difference"].notna()].iloc[0]
    assert lost["low"] < lost["difference"] < lost["high"]
    page = result._repr_html_()
    assert "learning_rate" in page
    assert page.startswith("<p>")


def test_joint_search_is_a_table_of_its_best_configurations(make_study: Make) -> None:
    joint = Study(make_study(stages=(), epochs=2, joint=8)).joint
    assert joint
    table = joint.table()
    assert list(table["learning_rate"]) == [entry.config.learning_rate for entry in joint.entries]
    assert {"batch_size", "hidden_units", "dropout", "backbone"} <= set(table)
