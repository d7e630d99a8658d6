"""The page in Chromium: on a search that runs, on the phone, in the dark, damaged, and behind a token."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, WebSocket, expect, sync_playwright

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.storage.json_files import write_json
from search.dashboard.space.tried import FIGURES
from search.dashboard.views.tabs import TABS
from search.options.parser import parse_options
from search.study.folder import keep_command, read_command
from search.study.from_outside.notes import read_notes
from search.study.from_outside.stop_request import read_stop
from search.study.layout import Layout
from search.study.stage_results import StageFiles
from tests.pictures import almost_even, encoded
from tests.search.makers import make_column, make_finetune_result, make_trial
from tests.trainables.models import write_brightness_model
from tests.waiting import PATIENCE_S, free_port, is_listening, wait_until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found; apt-get install chromium"),
]
TOKEN = "a token of many characters"
SECOND_MS = 1000
PATIENCE_MS = PATIENCE_S * SECOND_MS
LAPTOP, PHONE = (1280, 800), (390, 844)
WHITE: FilePayload = {
    "name": "holiday.png",
    "mimeType": "image/png",
    "buffer": encoded(almost_even((32, 32), "white")),
}
CONTRAST = """
() => {
  const luminance = rgb => rgb.map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, alpha = 1], ground) => [r, g, b].map((c, n) => c * alpha + ground[n] * (1 - alpha));
  const groundOf = node => node
    ? over(channels(getComputedStyle(node).backgroundColor), groundOf(node.parentElement))
    : [255, 255, 255];
  const shown = 'h1, h3, [role=tab], td, th, [data-testid=stMarkdownContainer] p, ' +
    '[data-testid=stCaptionContainer] p, [data-testid=stCode] code, [data-testid=stCode] code span, ' +
    '[data-testid=stVegaLiteChart] text';
  const cellUnder = node => {  // a filled rectangle of a chart, on which the text lies
    const box = node.getBoundingClientRect(), x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
    return [...node.closest('svg')?.querySelectorAll('.mark-rect path') ?? []].find(path => {
      const cell = path.getBoundingClientRect();
      return cell.left <= x && x <= cell.right && cell.top <= y && y <= cell.bottom;
    });
  };
  return [...document.querySelectorAll(shown)].filter(node =>
    node.textContent.trim() && node.checkVisibility()  // what is folded away is not
  ).map(node => {
    const style = getComputedStyle(node), cell = cellUnder(node);
    const ground = cell ? channels(getComputedStyle(cell).fill) : groundOf(node);
    let [r, g, b, alpha = 1] = channels(node.closest('svg') ? style.fill : style.color);
    for (let up = node; up; up = up.parentElement) alpha *= Number(getComputedStyle(up).opacity);
    if (!alpha) return null;  // a number of an axis that has no room: it is not shown
    const [high, low] = [luminance(over([r, g, b, alpha], ground)), luminance(ground)].sort((a, b) => b - a);
    return [node.textContent.slice(0, 40), (high + 0.05) / (low + 0.05)];
  }).filter(Boolean);
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, size: tuple[int, int], **options: Any) -> Iterator[Page]:
    """Opens a window of that size."""
    with browser.new_context(viewport={"width": size[0], "height": size[1]}, **options) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context.new_page()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser, LAPTOP, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workplace")
    draw_sample(folder / "sample", photos=60, celeba_photos=20)
    build_manifest(load_adience(folder / "sample" / "adience"), folder / "faces.parquet")
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, write_whole_study: Callable[[Path], Path]) -> Path:
    """A study with everything in it."""
    return write_whole_study(tmp_path_factory.mktemp("studies") / "whole")


@pytest.fixture(scope="module")
def address(whole: Path) -> Iterator[str]:
    """Of a page on the storage of that study and another."""
    shutil.copytree(whole, whole.with_name("noted"))
    shutil.copytree(whole, damaged := whole.with_name("damaged"))
    (damaged / "study.json").write_text("{")
    (damaged / "stages" / "lr.json").write_text("half")
    with served(whole.parent, str(whole.parent)) as address:
        yield address


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """Serves the page in a process of its own and gives its address."""
    port = free_port()
    with started(folder, "search.dashboard", *options, "--port", str(port)) as server:

        def listens() -> bool:
            assert server.poll() is None, "the dashboard has ended"
            return is_listening(port)

        wait_until(listens, "the dashboard is served")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def started(folder: Path, module: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a command in a process group of its own, which ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(PATIENCE_S)


def open_tab(page: Page, name: str) -> None:
    """Clicks until the tab is open: React ignores a click while the strip moves below the pointer."""
    tab = page.get_by_role("tab", name=name, exact=True)

    def is_open() -> bool:
        tab.click()
        try:
            expect(tab).to_have_attribute("aria-selected", "true", timeout=3 * SECOND_MS)
        except AssertionError:
            return False
        return True

    wait_until(is_open, f"the tab {name} is open")


def trial_in(study: Path) -> str:
    """Returns the key of a trial of the study."""
    return min(path.stem for path in Layout(study).trials.iterdir() if path.name[0] != ".")


def pale_texts(page: Page) -> list[str]:
    """Returns the texts of less contrast than 4.5 to 1 (WCAG 2.2 AA), once the page has settled."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        texts = page.evaluate(CONTRAST)
        pale = [text for text, ratio in texts if ratio < 4.5]
        if (len(texts) > len(TABS) and not pale) or time.monotonic() > deadline:
            return pale
        page.wait_for_timeout(SECOND_MS / 4)


def wait_for_refresh(page: Page) -> None:
    """Waits until the page has begun to refresh itself and ended, which it does every two seconds."""
    for state in ("running", "notRunning"):
        page.wait_for_function(
            f"document.querySelector('[data-testid=stApp]').dataset.testScriptState === '{state}'"
        )


@pytest.mark.ray
@pytest.mark.slow
def test_page_follows_a_search_from_before_its_first_trial_to_its_end(page: Page, workplace: Path) -> None:
    options = ("--data", "faces.parquet", "--study", "live", "--backbone", "keras:MobileNetV2")
    stage = ("--stage", "lr", "--epochs", "300", "--batch-size", "64", "--max-concurrent", "1")
    with served(workplace, "results") as address:
        page.goto(address)
        expect(page.get_by_text("does not exist yet")).to_be_visible()
        with started(workplace, "search.run", *options, *stage) as search:
            expect(page.get_by_role("heading", name="live")).to_be_visible()
            expect(page.get_by_text(re.compile("lr .* · seed 7.*epoch")).first).to_be_visible()  # appears
            expect(
                page.get_by_text(re.compile("running stage lr: [1-3] of 4 trials")).first
            ).to_be_visible()  # ends
            open_tab(page, "Trials")
            expect(page.get_by_text(re.compile(r"\d of \d trials; click the head")).first).to_be_visible()
            # an old one may go meanwhile
            expect(page.locator("[data-testid=stVegaLiteChart]:visible")).to_have_count(1)
            assert search.wait(300) == 0
        # one more has told what the split is worth
        expect(page.get_by_text(re.compile("ended · 5 trials in the ledger")).first).to_be_visible()
        expect(page.get_by_text("5 of 5 trials").first).to_be_visible()  # it has refreshed by itself
        open_tab(page, "Search")
        expect(page.get_by_text("one run each, so it may be chance").first).to_be_visible()


def test_page_filters_trials_opens_one_and_keeps_the_filter(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    open_tab(page, "Trials")
    page.get_by_role("combobox", name="Stage").fill("dropout")
    page.get_by_role("option", name="dropout", exact=True).click()
    filtered = page.get_by_text(re.compile(r"^18 of \d+ trials"))
    expect(filtered).to_be_visible()
    wait_for_refresh(page)
    expect(filtered).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_have_count(0)  # it lies over the table
    table = page.get_by_test_id("stDataFrame").locator(".dvn-scroller")
    table.click(position={"x": 18, "y": 52})  # the box before the first row opens its trial
    expect(page.get_by_text("The command that trains this configuration again")).to_be_visible()
    assert "trial=" in page.url
    page.get_by_role("button", name="Back to the trials").click()
    expect(filtered).to_be_visible()
    page.get_by_role("combobox", name="Status").fill("FAILED")
    expect(page.get_by_text("No results")).to_be_visible()


def test_page_opens_a_stage_with_the_published_numbers(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    open_tab(page, "Stages")
    page.get_by_role("combobox", name="Stage").click()
    page.get_by_role("option", name="Batch size", exact=True).click()
    table = page.get_by_role("table").filter(has_text="winner minus this").filter(has_text="batch size")
    expect(table).to_contain_text("0.8903")  # published for batch size 32; not the stage shown before
    expect(page.locator("[data-testid=stVegaLiteChart]").first).to_be_visible()


def test_page_copies_the_winner_as_a_command(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    open_tab(page, "Outcome")
    command = page.locator("[data-testid=stCode]").nth(1)
    command.hover()
    command.get_by_role("button").click()
    copied = page.wait_for_function("navigator.clipboard.readText()").json_value()  # once there is any
    assert parse_options(shlex.split(copied)[3:]).study.name == "whole"


def test_page_shows_the_joint_search(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    open_tab(page, "Joint search")
    expect(page.get_by_text("Importance of each hyperparameter").first).to_be_visible()
    expect(page.locator("[data-testid=stVegaLiteChart]:visible")).to_have_count(3)


def test_page_says_at_first_what_was_won(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    numbers = page.locator("[data-testid=stMetric]:visible")
    expect(numbers).to_have_count(3)  # what won, against what, how sure
    card = page.get_by_test_id("stVerticalBlock").filter(has_text="Dropout at each dense layer, sweep 2").last
    for text in (
        "0.5 (published 0.5)",
        "0.8804 · undecided",
        "not told apart from 5 others",
        "learning rate 0.001",
    ):
        expect(card).to_contain_text(text)
    expect(page.get_by_text("Latest result")).to_be_visible()


def test_page_opens_the_study_whose_row_is_clicked(page: Page, address: str) -> None:
    page.goto(address)
    table = page.get_by_test_id("stDataFrame").locator(".dvn-scroller")
    table.click(position={"x": 18, "y": 52})
    page.wait_for_url(re.compile("study="))
    expect(page.get_by_role("tab", name="Search", exact=True)).to_be_visible()


def test_page_shows_the_most_wrong_pictures_by_class_and_by_group(
    page: Page, make_study: Callable[..., Path], tmp_path: Path
) -> None:
    study, files = make_study(stages=("lr",), epochs=1), StageFiles(tmp_path / "fake")
    for number, colour in enumerate(("white", "black")):
        (tmp_path / f"{number}.png").write_bytes(encoded(almost_even((32, 32), colour)))
    wrong = {"probability": 0.97, "of_its_class": 0.03, "group": "face 12"}
    pictures = [{**wrong, "path": f"{label}.png", "label": label, "said": 1 - label} for label in (0, 1)]
    groups = [{"group": "face 12", "n": 9, "wrong": 4}]
    result = files.read("lr", 1)
    assert result
    found = {"root": str(tmp_path), "pictures": pictures, "groups": groups}
    files.write(replace(result, breakdown={**(result.breakdown or {}), "mistakes": found}))
    with served(study.parent, str(study)) as address:
        page.goto(f"{address}/?tab=Outcome")
        for label, said in (("female", "male"), ("male", "female")):
            expect(page.get_by_text(re.compile(f"^{label}, said {said}"))).to_be_visible()
        shown = page.get_by_test_id("stImage").locator("img")
        expect(shown).to_have_count(2)
        wait_until(
            lambda: shown.evaluate_all("all => all.every(one => one.naturalWidth > 0)"),
            "the pictures are drawn",
        )
        expect(page.get_by_role("table").filter(has_text="face 12")).to_contain_text("4")


@pytest.mark.parametrize("figure", [*FIGURES, "Parallel coordinates"])
def test_page_draws_each_figure_of_the_hyperparameters(page: Page, address: str, figure: str) -> None:
    page.goto(f"{address}/?study=whole&tab=Hyperparameters&figure={figure.replace(' ', '+')}")
    expect(page.locator("[data-testid=stVegaLiteChart]:visible svg").first).to_be_visible()
    page.get_by_role("combobox", name="Stage").fill("dropout")
    page.get_by_role("option", name="dropout", exact=True).click()
    page.wait_for_url(re.compile("of=dropout"))


@pytest.mark.parametrize(
    ("place", "mark"),
    [
        pytest.param("Machine", "rect", id="timeline"),
        pytest.param("Hyperparameters&figure=Slice", "symbol", id="slice"),
        pytest.param("Trials", "symbol", id="learning-curve"),
    ],
)
def test_mark_of_a_chart_leads_to_its_trial(page: Page, address: str, place: str, mark: str) -> None:
    page.goto(f"{address}/?study=whole&tab={place}")
    page.locator(f"[data-testid=stVegaLiteChart]:visible .mark-{mark}.role-mark path").last.click()
    page.wait_for_url(re.compile("trial=[0-9a-f]{16}"))
    expect(page.get_by_text("The command that trains this configuration again")).to_be_visible()


def test_page_of_a_trial_has_its_curves_predictions_and_log(page: Page, address: str, whole: Path) -> None:
    noted = Layout(whole.with_name("noted"))
    log = noted.log(trial_in(whole))
    log.parent.mkdir()
    log.write_text("the last words of a worker", "utf-8")
    page.goto(f"{address}/?study=noted&trial={trial_in(whole)}")
    expect(page.locator("[data-testid=stVegaLiteChart]:visible svg")).to_have_count(2)  # accuracy and loss
    expect(page.get_by_text("Predictions on the validation images")).to_be_visible()
    expect(page.get_by_text("the last words of a worker")).to_be_visible()


def test_page_says_why_a_trial_failed(
    page: Page, make_study: Callable[..., Path], write_live: Callable[..., None]
) -> None:
    study = make_study(stages=("lr",), epochs=1)
    write_live(study, failed=make_trial(learning_rate=3.0))
    with served(study.parent, str(study)) as address:
        page.goto(f"{address}/?tab=Machine")
        page.get_by_text(re.compile("its worker died")).click()
        expect(page.get_by_text(re.compile("epoch 1.*0.5000"))).to_be_visible()


def test_page_keeps_tab_filter_and_curves_in_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole&tab=Trials&stages=dropout&metric=loss&mean=true")
    for _ in range(2):
        expect(page.get_by_text(re.compile(r"^18 of \d+ trials"))).to_be_visible()
        expect(page.get_by_role("combobox", name="Metric")).to_have_value("loss")
        page.reload()


def test_page_shows_two_studies_side_by_side(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    page.get_by_role("combobox", name="Beside it").click()
    page.get_by_role("option", name="noted", exact=True).click()
    table = page.get_by_role("table").filter(has_text="noted")
    expect(table).to_contain_text("whole")
    expect(page.locator("[data-testid=stVegaLiteChart]").first).to_be_visible()
    page.wait_for_url(re.compile("beside=noted"))


@pytest.mark.parametrize("what", ["study", "trial"])
def test_page_keeps_a_note(page: Page, address: str, whole: Path, what: str) -> None:
    trial = trial_in(whole) if what == "trial" else ""
    page.goto(f"{address}/?study=noted&trial={trial}")
    page.get_by_role("button", name=f"Note on this {what}").click()
    page.get_by_role("textbox", name="Kept in the study's folder").fill(f"the {what} of May")
    page.get_by_role("button", name="Keep the note").click()
    wait_until(lambda: read_notes(whole.with_name("noted")).on(trial), "the note is kept")
    page.reload()
    expect(page.get_by_text(f"the {what} of May").first).to_be_visible()


def test_page_filters_parallel_coordinates_with_the_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole&tab=Hyperparameters&figure=Parallel+coordinates")
    lines = page.locator("[data-testid=stVegaLiteChart]:visible svg").first
    before = lines.inner_html()
    page.get_by_text("Filter", exact=True).click()
    lowest = page.get_by_role("slider").first
    lowest.press("ArrowRight")
    expect(lowest).not_to_have_attribute("aria-valuenow", "0")
    wait_until(lambda: lines.inner_html() != before, "lines below the slider have gone")


def test_page_says_why_the_final_model_cannot_be_asked(page: Page, address: str, whole: Path) -> None:
    model = Layout(whole.with_name("noted")).model
    model.parent.mkdir(exist_ok=True)
    model.write_bytes(b"")
    record = {"format": 1, "labels": {"0": "dark", "1": "bright"}, "model_digest": "of another file"}
    model.with_suffix(".json").write_text(json.dumps(record), "utf-8")
    page.goto(f"{address}/?study=noted&tab=Outcome")
    page.locator("input[type=file]").set_input_files(WHITE)
    expect(page.get_by_text("its digest is not the one in model.json")).to_be_visible()


@pytest.mark.slow
def test_final_model_is_shown_and_classifies_a_photograph(
    page: Page, make_study: Callable[..., Path]
) -> None:
    study = make_study(stages=("lr",), epochs=1)
    model = Layout(study).model
    model.parent.mkdir()
    write_brightness_model(model)
    model.with_name("model_card.md").write_text("# Card of the model", "utf-8")
    ways = make_finetune_result(make_column("untuned", "untuned"), make_column("tuned", "tuned"))
    write_json(Layout(study).finetune, ways.to_dict())
    with served(study.parent, str(study)) as address:
        page.goto(f"{address}/?tab=Outcome")
        expect(page.get_by_text(re.compile(r"winner/model\.keras, .* plain Keras loads it"))).to_be_visible()
        expect(page.get_by_text(re.compile("search.export fake --format onnx"))).to_be_visible()
        expect(page.get_by_role("table").filter(has_text="val AUC")).to_contain_text("0.9600")  # its AUC
        page.get_by_text("Its model card").click()
        expect(page.get_by_role("heading", name="Card of the model")).to_be_visible()
        page.locator("input[type=file]").set_input_files(WHITE)
        expect(page.get_by_role("table", name="The likeliest classes")).to_contain_text("0.9820")


@pytest.mark.parametrize("what", ["search", "trial"])
def test_page_with_the_token_ends_what_runs(
    page: Page, make_study: Callable[..., Path], write_live: Callable[..., None], what: str
) -> None:
    study, trial = make_study(stages=("lr",), epochs=2), make_trial(learning_rate=3.0)
    keep_command(study, ["--stage", "all", "--order", "lr,dropout"])
    write_live(study, {trial: [0.6, 0.7]})
    with served(study.parent, str(study), "--token", TOKEN) as address:
        page.goto(f"{address}/?study={study.name}&trial={trial.key if what == 'trial' else ''}")
        page.locator("input[type=password]").fill(TOKEN)
        page.get_by_role("button", name="Show the studies").click()
        expect(page.get_by_text("left for the whole plan").first).to_be_visible()
        expect(page.locator("[data-testid=stVegaLiteChart]:visible svg").first).to_be_visible()  # its curve
        page.get_by_role("button", name=f"End the {what}").click()
        page.get_by_role("button", name=f"End the {what} after its running epoch").click()
        expect(page.get_by_text(f"The {what} was asked to end").first).to_be_visible()
    command = read_command(study)
    assert command
    asked = read_stop(study, command.started_at)
    assert (asked.everything, asked.trials) == ((True, ()) if what == "search" else (False, (trial.key,)))


def test_page_of_a_damaged_study_says_what_is_damaged(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=damaged")
    expect(page.get_by_text("2 files of this study could not be read")).to_be_visible()
    open_tab(page, "Machine")
    expect(page.get_by_text(re.compile(r"stages/lr\.json.* is damaged")).first).to_be_visible()


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(LAPTOP, "light", id="laptop-light"),
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(LAPTOP, "dark", id="laptop-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
    ],
)
def test_page_is_readable(browser: Browser, address: str, size: tuple[int, int], scheme: str) -> None:
    with opened(browser, size, color_scheme=scheme) as page:
        page.goto(f"{address}/?study=whole")
        for tab in TABS:
            open_tab(page, tab)
            expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")
            assert pale_texts(page) == []
            page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")


def test_page_can_be_used_with_the_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}/?study=whole")
    page.get_by_role("tab", name="Search", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Trials", exact=True)).to_have_attribute("aria-selected", "true")
    for name in ("Stage", "Status", "Value", "Metric", "Study"):
        expect(page.get_by_role("combobox", name=name, exact=False).first).to_be_visible()


def test_page_behind_a_token(page: Page, whole: Path) -> None:
    received: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(str(frame)))

    page.on("websocket", listen)
    with served(whole.parent, str(whole), "--token", TOKEN) as address:
        page.goto(f"{address}/?study=whole")
        field, button = (
            page.locator("input[type=password]"),
            page.get_by_role("button", name="Show the studies"),
        )
        field.fill("a guess of many characters")
        button.click()
        expect(page.get_by_text("This is not the token")).to_be_visible()
        assert received
        assert not any("12,194" in frame or "resnet50" in frame for frame in received)
        field.fill(TOKEN)
        button.click()
        expect(page.get_by_text("12,194 images of adience")).to_be_visible()
        assert any("12,194" in frame for frame in received)


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 101), ("127.0.0.1", 101), ("elsewhere.example", 403)]
)
def test_page_takes_no_name_but_this_machines(address: str, host: str, status: int) -> None:
    """Another site's page may have its own name point to this machine, which makes it the same origin."""
    port = int(address.rpartition(":")[2])
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    names = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}"}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    connection.request(
        "GET", "/_stcore/stream", headers={**names, **upgrade, "Sec-WebSocket-Key": "a" * 22 + "=="}
    )
    assert connection.getresponse().status == status
    connection.close()
