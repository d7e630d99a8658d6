"""The page as its readers get it, run by Streamlit's own test harness, without a browser."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.testing.v1 import AppTest

from search.dashboard import app
from search.dashboard.page import Settings, configure
from search.dashboard.source import source_of
from search.dashboard.views.tabs import TABS
from search.study.folder import keep_command, read_command
from search.study.from_outside.notes import Notes, read_notes
from search.study.from_outside.stop_request import read_stop
from search.study.layout import Layout
from tests.search.makers import make_trial
from tests.waiting import PATIENCE_S

Make = Callable[..., Path]
Write = Callable[..., None]
NO_COMPONENTS = BidiComponentManager()
TOKEN = "a token of many characters"
TRIAL = make_trial(epochs=4, learning_rate=0.1)


def open_page(source: Path, token: str | None = None, tab: str | None = None, **query: str) -> AppTest:
    """Returns the page on `source` as a new reader sees it, at a tab."""
    configure(Settings(source_of(str(source)), token))
    page = AppTest.from_file(str(app.__file__), default_timeout=PATIENCE_S)
    # else it reads the metadata of every installed package for components: most of a test's seconds
    page._bidi_component_manager = NO_COMPONENTS
    page.query_params.update(query)
    if tab:
        page.session_state["tab"] = tab
    return page.run()


def text_of(page: AppTest) -> str:
    """Everything that the page says outside tables, unescaped."""
    kinds: tuple[Any, ...] = (page.markdown, page.caption, page.info, page.warning, page.error, page.title)
    return "\n".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


@pytest.mark.parametrize("tab", list(TABS))
def test_page_shows_each_tab_of_a_whole_study(whole_study: Path, tab: str) -> None:
    page = open_page(whole_study, tab=tab)
    assert not page.exception
    assert page.title[0].value == "whole"
    assert page.dataframe or page.table or page.markdown


@pytest.mark.parametrize("tab", list(TABS))
def test_page_of_a_study_that_has_just_begun(tmp_path: Path, write_live: Write, tab: str) -> None:
    (tmp_path / "study.json").write_text('{"format": 1}')
    write_live(tmp_path, running={make_trial(): []}, seconds_left=None, done=0)
    page = open_page(tmp_path, tab=tab)
    assert not page.exception
    assert "running stage lr: 0 of 4 trials" in text_of(page)


@pytest.mark.parametrize("tab", list(TABS))
def test_page_of_a_damaged_study_names_the_files(make_study: Make, tab: str) -> None:
    study = make_study(stages=("lr", "dropout"), epochs=2)
    (study / "study.json").write_text("{")
    (study / "stages" / "dropout.json").write_text("[]")
    page = open_page(study, tab=tab)
    assert not page.exception
    assert "2 files of this study could not be read" in text_of(page)
    assert "study.json is damaged" in text_of(page)


def test_page_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    page = open_page(tmp_path / "later")
    assert not page.exception
    assert "does not exist yet. A search makes one: `python -m search.run --stage lr --st" in text_of(page)


def test_page_of_an_empty_folder(tmp_path: Path) -> None:
    assert "holds no study yet" in text_of(open_page(tmp_path))


def test_page_of_a_storage_lists_its_studies_and_opens_one(make_study: Make) -> None:
    storage = make_study("first", stages=("lr",), epochs=1).parent
    make_study("second", stages=("dropout",), epochs=1)
    page = open_page(storage)
    assert sorted(page.dataframe[0].value["study"]) == ["first", "second"]
    page.selectbox(key="study").select("second").run()
    assert page.title[0].value == "second"
    assert "Dropout at each dense layer" in text_of(page)


def test_page_keeps_filters_and_chosen_curves_over_a_refresh(make_study: Make) -> None:
    page = open_page(make_study(stages=("lr", "dropout"), epochs=2), tab="Trials")
    page.multiselect(key="stages").select("lr").run()
    chosen = page.multiselect(key="curves").options[0]
    page.multiselect(key="curves").select(chosen).run()
    page.run()
    assert page.multiselect(key="stages").value == ["lr"]
    assert len(page.multiselect(key="curves").value) == 1
    assert set(page.dataframe[0].value["stage"]) == {"lr"}


def test_page_keeps_choices_where_no_row_has_them_any_more(make_study: Make, write_live: Write) -> None:
    study = make_study(stages=("lr",), epochs=2)
    write_live(study, running={make_trial(): [0.5]})
    page = open_page(study, tab="Trials")
    page.multiselect(key="statuses").select("RUNNING").run()
    write_live(study, state="ended")
    page.run()
    assert page.multiselect(key="statuses").value == ["RUNNING"]
    assert page.dataframe[0].value.empty


def test_page_keeps_choices_in_another_tab_but_not_in_another_study(make_study: Make) -> None:
    storage = make_study("first", stages=("lr", "dropout"), epochs=1).parent
    make_study("second", stages=("lr", "dropout"), epochs=1)
    page = open_page(storage, tab="Trials", study="first")
    page.multiselect(key="stages").select("lr").run()
    page.selectbox(key="metric").select("loss").run()
    for tab in ("Stages", "Trials"):
        page.session_state["tab"] = tab
        page.run()
    assert (page.multiselect(key="stages").value, page.selectbox(key="metric").value) == (["lr"], "loss")
    page.selectbox(key="study").select("second").run()
    assert (page.multiselect(key="stages").value, page.selectbox(key="metric").value) == ([], "loss")


def test_page_offers_a_study_that_was_made_later(make_study: Make) -> None:
    storage = make_study("first", stages=("lr",), epochs=1).parent
    make_study("second", stages=("lr",), epochs=1)
    page = open_page(storage)
    make_study("third", stages=("lr",), epochs=1)
    page.run()
    assert "third" in page.selectbox(key="study").options


@pytest.mark.parametrize(
    "texts",
    [
        {"final.json": '{"readings": null}'},
        {"final.json": '{"readings": [{}]}', "live.json": '{"format": 1, "asked": null}'},
        {"finetune.json": '{"columns": null}'},
    ],
    ids=", ".join,
)
@pytest.mark.parametrize("tab", list(TABS))
def test_page_of_values_that_no_study_has(make_study: Make, tab: str, texts: dict[str, str]) -> None:
    study = make_study(stages=("lr",), epochs=2)
    for file, text in texts.items():
        (study / file).write_text(text)
    page = open_page(study, tab=tab)
    assert not page.exception


def test_page_without_the_token_shows_nothing_of_the_study(make_study: Make) -> None:
    study = make_study("hidden", stages=("lr",), epochs=1)
    page = open_page(study, token=TOKEN)
    assert "hidden" not in text_of(page)
    page.text_input[0].input("a guess of many characters")
    page.button[0].click().run()
    assert "hidden" not in text_of(page)
    assert "This is not the token" in text_of(page)
    assert not page.tabs


def test_page_with_the_token_shows_the_study(make_study: Make) -> None:
    page = open_page(make_study("hidden", stages=("lr",), epochs=1), token=TOKEN)
    page.text_input[0].input(TOKEN)
    page.button[0].click().run()
    assert page.title[0].value == "hidden"


def test_page_shows_the_winner_as_a_command(make_study: Make) -> None:
    page = open_page(make_study(stages=("lr",), epochs=2), tab="Outcome")
    assert "--learning-rate 0.001" in page.code[0].value
    assert page.code[1].value.startswith("python -m search.run --stage lr --data MANIFEST --weights")


def test_address_of_a_trial_opens_its_page(make_study: Make) -> None:
    study = make_study(stages=("lr", "dropout"), epochs=2)
    key = min(path.stem for path in (study / "trials").iterdir())
    page = open_page(study, trial=key)
    assert not page.exception
    assert key in text_of(page)
    assert page.code[0].value.startswith("python -m search.run --stage ")
    assert f"--study fake-{key[:8]}" in page.code[0].value
    assert not page.tabs


def test_page_of_a_trial_leads_back_to_the_filters(make_study: Make) -> None:
    study = make_study(stages=("lr", "dropout"), epochs=2)
    page = open_page(study, tab="Trials")
    page.multiselect(key="stages").select("lr").run()
    page.query_params["trial"] = min(path.stem for path in (study / "trials").iterdir())
    page.run()
    page.button(key="back").click().run()
    assert page.multiselect(key="stages").value == ["lr"]
    assert page.session_state["tab"] == "Trials"


def test_page_of_a_trial_that_is_none(make_study: Make) -> None:
    assert "This study has no trial abc." in text_of(open_page(make_study(stages=("lr",)), trial="abc"))


def test_another_study_closes_the_page_of_a_trial(make_study: Make) -> None:
    study = make_study("first", stages=("lr",), epochs=1)
    make_study("second", stages=("lr",), epochs=1)
    key = min(path.stem for path in (study / "trials").iterdir())
    page = open_page(study.parent, study="first", trial=key)
    page.selectbox(key="study").select("second").run()
    assert page.tabs
    assert "trial" not in page.query_params


def open_running(study: Path, write_live: Write, token: str | None, **query: str) -> AppTest:
    """Returns the page on a study that a run is at, with the token entered where there is one."""
    keep_command(study, ["--stage", "lr"])
    write_live(study, running={TRIAL: [0.5]})
    page = open_page(study, token=token, **query)
    if token:
        page.text_input[0].input(token)
        page.button[0].click().run()
    return page


@pytest.mark.parametrize(("query", "everything"), [({}, True), ({"trial": TRIAL.key}, False)])
def test_page_with_a_token_asks_the_run_to_end(
    make_study: Make, write_live: Write, query: dict[str, str], everything: bool
) -> None:
    study = make_study(stages=("lr",), epochs=1)
    page = open_running(study, write_live, TOKEN, **query)
    page.button(key="stop").click().run()
    command = read_command(study)
    assert command
    asked = read_stop(study, command.started_at)
    assert (asked.everything, asked.trials) == (everything, () if everything else (TRIAL.key,))
    assert "was asked to end, and does so after its running epoch" in text_of(page)
    assert not [button for button in page.button if button.key == "stop"]


def test_page_without_a_token_ends_nothing(make_study: Make, write_live: Write) -> None:
    page = open_running(make_study(stages=("lr",), epochs=1), write_live, None)
    assert "running stage lr" in text_of(page)
    assert not [button for button in page.button if button.key == "stop"]


def test_page_of_a_study_that_does_not_run_offers_no_end(make_study: Make) -> None:
    page = open_page(make_study(stages=("lr",), epochs=1), token=TOKEN)
    page.text_input[0].input(TOKEN)
    page.button[0].click().run()
    assert not [button for button in page.button if button.key == "stop"]


def test_page_keeps_a_note_on_the_study_and_on_a_trial(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    key = min(path.stem for path in (study / "trials").iterdir())
    for query, text in (({}, "of the study"), ({"trial": key}, "of *the* trial")):
        page = open_page(study, **query)
        page.text_area[0].input(text).run()
        page.button(key="keep note").click().run()
        assert text in text_of(page)
    assert read_notes(study) == Notes(study="of the study", trials={key: "of *the* trial"})


def test_figures_take_enough_trials(make_study: Make) -> None:
    page = open_page(make_study(stages=("lr",), epochs=1), tab="Hyperparameters")
    assert "A figure takes 10 completed configurations in which two hyperparameters differ" in text_of(page)


@pytest.mark.parametrize("figure", ["Slice", "Parallel coordinates"])
def test_figures_stand_in_the_address(whole_study: Path, figure: str) -> None:
    page = open_page(whole_study, tab="Hyperparameters", figure=figure, of="lr")
    assert not page.exception
    assert page.selectbox(key="figure").value == figure
    assert page.multiselect(key="of").value == ["lr"]


def test_card_of_the_final_model_that_is_no_file_is_not_opened(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    model = Layout(study).model
    model.parent.mkdir()
    model.write_bytes(b"")
    os.mkfifo(card := model.with_name("model_card.md"))
    assert not open_page(study, tab="Outcome").expander[0].label.startswith("Its model card")
    card.unlink()
    card.write_text("# What it is for", "utf-8")
    assert "# What it is for" in text_of(open_page(study, tab="Outcome"))
