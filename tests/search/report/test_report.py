"""The report on a study: what it says, what it leaves alone, and what it does with damaged studies."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data_prep.storage.json_files import write_json
from search.report.__main__ import main
from search.report.contents import report_on
from search.report.document import Bullets, Document, KeyNumbers, Lines, Paragraph
from search.report.published import MEANS
from search.report.render.drawing import drawings_of
from search.report.render.html import to_html
from search.report.render.markdown import to_markdown
from search.report.writer import write_report
from search.space.labels import show_value
from search.space.stages import STAGES
from search.statistics.baselines import LINEAR, Baseline
from search.study.finetune_result import FinetuneResult
from search.study.stage_results import StageFiles
from search.study.study import Study
from tests.search.makers import make_column, make_finetune_result, unseal

MADE_ON = "2026-01-02"
Make = Callable[..., Path]


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def report(study: Path) -> str:
    """The report as Markdown, without the signs that keep its text plain."""
    text = to_markdown(report_on(Study(study).snapshot(), MADE_ON))
    return re.sub(r"\\([\\`*_\[\]<>|#~&])", r"\1", text)


def rewrite(study: Path, stage: str, **changes: Any) -> None:
    files = StageFiles(study)
    result = files.read(stage)
    assert result
    files.write(replace(result, **changes))


@pytest.fixture(scope="module")
def whole_text(whole_study: Path) -> str:
    return report(whole_study)


def test_report_without_ray_and_keras(make_study: Make) -> None:
    study = make_study(stages=("l2",), epochs=2, joint=4)
    program = (
        "import sys; from search.report.__main__ import main; "
        f"code = main([{str(study)!r}]); "
        "assert 'ray' not in sys.modules and 'keras' not in sys.modules; "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert (study / "report" / "index.html").is_file()


def test_report_twice_gives_the_same_bytes(make_study: Make, tmp_path: Path) -> None:
    study = make_study(stages=("backbone",), repeats=2, epochs=2, joint=6)
    for name in ("first", "second"):
        write_report(Study(study).snapshot(), tmp_path / name, MADE_ON)
    first = files_below(tmp_path / "first")
    assert first == files_below(tmp_path / "second")
    figures = re.findall(r"\(figures/([\w-]+\.png)\)", first["report.md"].decode())
    assert set(first) == {"index.html", "report.md", *(f"figures/{name}" for name in figures)}


def test_report_changes_nothing_else(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=2)
    trial = next((study / "trials").glob("*.json"))
    trial.write_text("{", "utf-8")
    before = files_below(study)
    write_report(Study(study).snapshot(), study / "report", MADE_ON)
    after = files_below(study)
    assert {name: after[name] for name in before} == before
    assert {Path(name).parts[0] for name in set(after) - set(before)} == {"report"}


def test_main_prints_where_the_report_lies_and_on_standard_error_which_files_are_damaged(
    make_study: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study("mine", stages=("l2",), epochs=1)
    (study / "final.json").write_text("{", "utf-8")
    assert main(["mine", "--storage", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert said.out == f"report: {tmp_path / 'out' / 'index.html'}\n"
    assert said.err.startswith(f"warning: left out {study / 'final.json'} is damaged (")


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--unknown"]])
def test_main_with_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage" in capsys.readouterr().err


def test_main_with_an_unknown_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere", "--storage", str(tmp_path)]) == 1
    assert re.fullmatch(r"error: there is no study nowhere .*\n", capsys.readouterr().err)


def test_main_without_a_finished_stage(make_study: Make, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(stages=())
    assert main([str(study)]) == 1
    assert re.fullmatch(
        r"error: a report needs a finished stage, the study .* has none; run .*\n", capsys.readouterr().err
    )
    assert not (study / "report").exists()


def test_main_where_nothing_can_be_written(
    make_study: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study(stages=("l2",), epochs=1)
    (tmp_path / "file").touch()
    assert main([str(study), "--out", str(tmp_path / "file")]) == 1
    assert "file (Not a directory); give another folder with --out" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["{", "[]", '{"key": 1}', '{"format": 1}'])
def test_damaged_trial_is_named_and_skipped(make_study: Make, damage: str) -> None:
    study = make_study(stages=("lr",), epochs=2)
    trial = sorted((study / "trials").glob("*.json"))[0]
    trial.write_text(damage, "utf-8")
    assert f"- {trial} is damaged (" in report(study)


def test_damaged_stage_is_named_and_skipped(make_study: Make) -> None:
    study = make_study(stages=("lr", "l2"), epochs=2)
    (study / "stages" / "lr.json").write_text("{", "utf-8")
    (study / "stages" / "else.json").write_text("{}", "utf-8")
    text = report(study)
    assert f"- {study / 'stages' / 'lr.json'} is damaged (" in text
    assert f"- {study / 'stages' / 'else.json'} is not a stage's file; remove it" in text
    assert "## L2 regularisation" in text
    assert "## Learning rate\n" not in text


@pytest.mark.parametrize(
    ("facts", "warning"),
    [
        ({"source": "sample"}, "**The data is drawn by a program**"),
        ({"source": "celeba"}, "data set: here CelebA; published Adience, aligned, frontal"),
        ({"images": 400}, "images: here 400; published 12,194"),
        ({"split": "subject"}, "split: here 80/20 with no group on both sides; published random 80/20"),
        ({"split": "kfold:4"}, "selected on: here an inner validation part of the training parts"),
        ({"weights": "none"}, "backbone weights: here random; published ImageNet"),
        ({}, "epochs: here 2; published 20"),
        ({}, "runs of each value: here 2; published 1"),
    ],
)
def test_each_difference_of_the_protocol_is_named(
    make_study: Make, facts: dict[str, Any], warning: str
) -> None:
    assert warning in report(make_study(stages=("l2",), epochs=2, repeats=2, **facts))


def test_the_published_protocol_is_not_warned_of(make_study: Make) -> None:
    text = report(make_study(stages=("lr",)))
    assert "The protocol is the published one." in text
    assert "> **" not in text


@pytest.mark.parametrize(
    ("resize", "said"),
    [
        (
            None,
            "Pictures were scaled bilinearly with antialiasing. The Keras generator of the report took the",
        ),
        ("nearest", "Pictures were scaled by the nearest pixel, as the Keras generator of the report did."),
    ],
)
def test_protocol_says_how_pictures_were_scaled(make_study: Make, resize: str | None, said: str) -> None:
    assert said in " ".join(report(make_study(stages=("lr",), resize=resize)).split())


def test_single_runs_allow_no_statement(make_study: Make) -> None:
    assert "one run each, so it may be chance" in report(make_study(stages=("lr",), epochs=2))


def test_single_runs_allow_no_statement_whatever_the_file_says(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=2)
    rewrite(study, "lr", statement="0.001 has the best value")
    assert "Found: 0.001 has the best value (one run each, so it may be chance)." in report(study)


def test_missing_stages_are_said(make_study: Make) -> None:
    text = report(make_study(stages=("lr",), epochs=2))
    left = "backbone, batch size (stage batch_size), hidden units (stage neurons), dropout, L2 (stage l2)"
    assert f"Not run: {left}, schedule." in text.replace("\\", "")
    joint = "The report of 2021 ran none. The command is python -m search.run --mode joint"
    assert joint in text
    assert "not run: needs python -m search.run --stage finetune" in text


@pytest.mark.parametrize("stage", list(MEANS))
def test_published_means_stand_beside_ours(whole_study: Path, whole_text: str, stage: str) -> None:
    result = StageFiles(whole_study).read(stage)
    assert result
    for entry in result.entries:
        ours = f"{entry.mean:.4f} ± {entry.spread:.4f}"
        published = f"{MEANS[stage][entry.value]:.4f}"
        cells = (show_value(entry.value), ours, published)
        assert f"| {' | '.join(cells)} |" in whole_text.replace("**", "")


def test_nothing_published_is_a_dash(whole_study: Path, whole_text: str) -> None:
    entry = StageFiles(whole_study).read("l2").entries[1]  # type: ignore[union-attr]
    assert f"| {show_value(entry.value)} | {entry.mean:.4f} ± {entry.spread:.4f} | - |" in whole_text


@pytest.mark.parametrize(
    "published",
    [
        *("0.9828", "0.8798", "0.0486", "0.3408", "0.9905", "0.8765", "0.0248", "0.3289"),
        *("0.9932", "0.8917", "0.0198", "0.3123", "0.9607", "0.9061", "0.9977", "0.9180"),
        *("85.9", "86.8 ± 1.4", "88.1 to 89.0", "91.2 to 92.0", "92.0 to 92.7", "96.51", "93.55"),
    ],
)
def test_every_other_published_number_stands_there(whole_text: str, published: str) -> None:
    assert f"| {published} |" in whole_text


def test_batch_size_one_is_explained(whole_text: str) -> None:
    assert "BatchNorm with one sample trains nothing" in whole_text


def test_hand_over_says_where_each_value_came_from(whole_text: str) -> None:
    row = next(line for line in whole_text.splitlines() if line.startswith("| Learning rate |"))
    assert "(stage batch_size)" in row
    assert "0 (default)" in row


def test_second_sweep_says_what_changed(whole_text: str) -> None:
    assert "## Batch size, sweep 2" in whole_text
    assert re.search(r"^- sweep 2 changed ", whole_text, re.MULTILINE)


def test_another_base_than_the_published_one_is_said(make_study: Make) -> None:
    study = make_study(stages=("batch_size", "lr"), epochs=2)
    batch_size = StageFiles(study).read("lr").base.batch_size  # type: ignore[union-attr]
    assert batch_size == 64
    assert "The report's configuration differed in this stage: batch size 32." in report(study)


def test_failed_value_is_shown_with_its_reason(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=2)
    first, *others = StageFiles(study).read("lr").entries  # type: ignore[union-attr]
    nan = float("nan")
    failed = replace(
        first, status="FAILED", reason="the loss\nis nan", mean=nan, best_val_accuracy=nan, best_epoch=None
    )
    rewrite(study, "lr", entries=(failed, *others))
    assert "| 0.1 | - | 0.7820 |" in report(study)
    assert "FAILED: the loss is nan" in report(study)


def test_stage_without_a_winner_and_without_trials(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=2)
    rewrite(study, "lr", winner=None, verdict="none", statement="nothing finished", breakdown=None)
    for trial in (study / "trials").glob("*.json"):
        trial.unlink()
    assert "No curve: the trials of this stage are not in the study's folder." in report(study)


@pytest.mark.parametrize("part", ["confusion", "roc", "calibration", "by_label", "by_age", "n", "accuracy"])
@pytest.mark.parametrize("value", [None, [], {}])
def test_breakdown_may_lack_any_part(make_study: Make, part: str, value: object) -> None:
    study = make_study(stages=("lr",), epochs=1)
    breakdown = dict(StageFiles(study).read("lr").breakdown)  # type: ignore[union-attr, arg-type]
    rewrite(study, "lr", breakdown={**breakdown, part: value})
    assert "Errors of the winner" in report(study)


def test_errors_of_the_winner(whole_study: Path, whole_text: str) -> None:
    found = StageFiles(whole_study).read("schedule", 2).breakdown  # type: ignore[union-attr]
    assert found
    (right, wrong), _ = found["confusion"]
    assert f"| 0 (female) | {right} | {wrong} |" in whole_text
    assert f"AUC {found['roc']['auc']:.4f}" in whole_text
    age = found["by_age"][0]
    assert f"| {age['age']} | {age['n']} | {age['accuracy']:.4f} |" in whole_text


def test_joint_search(whole_text: str) -> None:
    assert "Searcher tpe, scheduler asha, 24 configurations, at most 1800 seconds." in whole_text
    for name in ("joint-parallel", "joint-importance", "joint-best-so-far"):
        assert f"(figures/{name}.png)" in whole_text


def test_importance_is_not_shown_of_few_trials(make_study: Make) -> None:
    text = report(make_study(stages=(), joint=6, epochs=2))
    assert "Importance of the hyperparameters: not shown" in text
    assert "joint-importance" not in text


def test_held_out_reading_is_shown(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1, split="folds")
    reading = {
        "stage": "lr",
        "config": {"backbone": "resnet50_v2"},
        "split": "folds",
        "accuracy": 0.8812,
        "standard_error": 0.0123,
        "interval": [0.8701, 0.8902],
        "interval_over": "2,194 users",
        "n": 12_194,
        "read_at": "2026-01-01T00:00:00+00:00",
        "read_before": [{"study": "s", "by": "ann@lab", "read_at": "2025-01-01", "folds": {}}],
    }
    (study / "final.json").write_text(json.dumps({"readings": [reading]}), "utf-8")
    text = report(study)
    row = "| lr | 0.8812 ± 0.0123 | [0.8701, 0.8902] over 2,194 users | - | 12194 | folds | 2026-01-01"
    assert row in text
    assert (
        "The held-out rows of this data were read 2 times; each reading after the first tells less." in text
    )
    assert "| **resnet50_v2** | **88.12 ± 1.23** |" in text


def test_ways_of_two_searches_are_not_both_called_tuned(make_study: Make) -> None:
    ways = report(make_study(stages=("lr",), epochs=1, joint=4)).partition("Table 1. ")[2]
    assert "| tuned by stages, no CelebA |" in ways
    assert "| tuned jointly, no CelebA |" in ways
    assert "| tuned, no CelebA |" not in ways


def test_held_out_reading_of_another_configuration_is_not_the_winners(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1, split="folds")
    won = next(StageFiles(study).all()).winner
    assert won
    reading = {"stage": "dropout", "accuracy": 0.8812, "interval": [0.8701, 0.8902], "config": won.to_dict()}
    (study / "final.json").write_text(json.dumps({"readings": [reading]}), "utf-8")
    assert "0.8812" in report(study).partition("on data that no selection saw")[0][-100:]
    reading["config"] = {**won.to_dict(), "dropout": 0.7}
    (study / "final.json").write_text(json.dumps({"readings": [reading]}), "utf-8")
    text = report(study)
    assert "on data that no selection saw" not in text.partition("## ")[2].partition("## ")[0]
    assert "Held-out data was read for another model: the winner of dropout has 0.8812 there." in text


def finetuned(study: Path) -> FinetuneResult:
    """Writes what fine-tuning found into the study, with the runs of its first stage, and returns it."""
    lr = next(StageFiles(study).all())
    titles = {"untuned": "untuned", "tuned": "tuned", "pretrained": "tuned, pretrained on CelebA"}
    columns = [
        make_column(name, title, trials=entry.trials)
        for (name, title), entry in zip(titles.items(), lr.entries, strict=False)
    ]
    result = make_finetune_result(*columns, breakdown=lr.breakdown, verdict="tied")
    write_json(study / "finetune.json", result.to_dict())
    return result


def test_finetuned_columns_are_shown_with_the_published_ones(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=1)
    finetuned(study)
    text = report(study)
    row = next(line for line in text.splitlines() if line.startswith("| tuned, CelebA-pretrained"))
    assert "| 0.9977 |" in row
    assert "| 0.9180 | 1 |" in row
    assert "| tuned | 0.9500 | 0.9000 | 0.2000 | 0.3000 | 0.9600 | 0.0100 (tied) |" in text
    assert "trained in 3 ways: tuned, pretrained on CelebA has the best value" in text
    assert "Pretrained on 540 images of celeba for 20 epochs, 60 others validated it" in text
    assert re.search(
        r"!\[Figure \d+\. Final models: accuracy and loss per epoch\]\(figures/finetune-curves\.png\)", text
    )
    assert "## Errors of the final model (tuned, pretrained on CelebA)" in text


def test_photographs_are_shown_where_the_final_model_saw_some(make_study: Make, tmp_path: Path) -> None:
    study = make_study(stages=("lr",), epochs=1)
    finetuned(study)
    assert f"python -m search.predict {study} PHOTO" in report(study)
    (study / "winner").mkdir()
    Image.new("RGB", (4, 3)).save(study / "winner" / "photographs.png")
    index = write_report(Study(study).snapshot(), tmp_path / "out", "2026-01-02")
    picture = (tmp_path / "out" / "figures" / "photographs.png").read_bytes()
    assert picture == (study / "winner" / "photographs.png").read_bytes()
    assert 'src="data:image/png;base64,iVBOR' in index.read_text("utf-8")
    assert "(figures/photographs.png)" in (tmp_path / "out" / "report.md").read_text("utf-8")


@pytest.mark.parametrize("name", ["final.json", "finetune.json"])
def test_damaged_outcome_is_named(make_study: Make, name: str) -> None:
    study = make_study(stages=("lr",), epochs=1)
    (study / name).write_text("[]", "utf-8")
    assert f"- {study / name} is damaged (" in report(study)


class Page(HTMLParser):
    """What a page loads from elsewhere, its identifiers, and what its tables lack."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.identifiers: list[str] = []
        self.headings_without_scope = 0
        self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the tag."""
        values = dict(attrs)
        self.loaded += [str(values[name]) for name in ("src", "data") if name in values]
        self.loaded += [str(values["href"])] if tag == "link" else []
        self.identifiers += [str(values["id"])] if "id" in values else []
        self.headings_without_scope += tag == "th" and "scope" not in values
        self.tables += tag == "table"
        self.captions += tag == "caption"


@pytest.fixture(scope="module")
def whole_document(whole_study: Path) -> Document:
    return report_on(Study(whole_study).snapshot(), MADE_ON)


@pytest.fixture(scope="module")
def page_text(whole_document: Document) -> str:
    return to_html(whole_document, drawings_of(whole_document))


@pytest.fixture(scope="module")
def page(page_text: str) -> Page:
    page = Page()
    page.feed(page_text)
    return page


def test_page_loads_nothing_from_elsewhere_and_runs_no_program(page: Page, page_text: str) -> None:
    assert page.loaded == []
    assert "<script" not in page_text
    assert "url(" not in page_text
    assert set(re.findall(r"https?://[^\s<\"]*", page_text)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_every_figure_is_drawn_in_the_page_and_said_to_those_who_do_not_see_it(
    page_text: str, whole_document: Document
) -> None:
    for figure in whole_document.figures():
        panels = len(figure.panels) if isinstance(figure, Lines) else 1
        assert page_text.count(f'role="img" aria-label="{figure.caption}"') == panels


def test_drawing_is_light_or_dark_as_its_page(page_text: str) -> None:
    drawn = "".join(re.findall(r"<svg.*?</svg>", page_text, re.DOTALL))
    assert {"var(--text)", "var(--line)", "var(--card)"} <= set(
        re.findall(r'(?:fill|stroke)="([^"]*)"', drawn)
    )
    assert not {"black", "white", "#000", "#fff", "#1f2328"} & set(
        re.findall(r'(?:fill|stroke)="([^"]*)"', drawn)
    )


def test_page_of_two_sweeps_and_a_joint_search_has_about_a_megabyte(page_text: str) -> None:
    assert len(page_text) < 1_100_000


def test_figures_and_tables_are_numbered_in_their_order(whole_text: str) -> None:
    for kind in ("Figure", "Table"):
        found = [int(number) for number in re.findall(rf"^\*{kind} (\d+)\. ", whole_text, re.MULTILINE)]
        assert found == list(range(1, len(found) + 1))
        assert len(found) > 10


def test_report_begins_with_what_was_won_and_ends_with_what_to_do(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=2)
    linear = Baseline(
        name=LINEAR,
        title="linear classifier",
        backbone="resnet50_v2",
        accuracies={"random": 0.9},
        balanced={"random": 0.9},
    )
    rewrite(study, "lr", baselines=(linear,))
    document = report_on(Study(study).snapshot(), MADE_ON)
    names = [section.name for section in document.sections]
    assert (names[0], names[-1]) == ("summary", "next")
    assert names.index("lr") < names.index("protocol") < names.index("lr-errors")
    (numbers,) = [block for block in document.sections[0].blocks if isinstance(block, KeyNumbers)]
    assert [item.title for item in numbers.items] == [
        "validation accuracy",
        "against a linear classifier",
        "how sure",
    ]
    assert "0.9061 tuned" in numbers.items[1].text
    (plain,) = [block.text for block in document.sections[0].blocks if isinstance(block, Paragraph)]
    assert "Nothing here shows that this is better than a linear classifier" in plain
    (left,) = [block for block in document.sections[-1].blocks if isinstance(block, Bullets)]
    assert any("More pictures" in item for item in left.items)
    assert document.figures()[0].name == "headline"


def test_baselines_of_other_splits_are_beside_the_runs_without_a_test(make_study: Make) -> None:
    study = make_study(stages=("lr",), epochs=2)
    of = {"title": "linear classifier", "backbone": "resnet50_v2", "balanced": {"fold-0": 0.9}}
    rewrite(study, "lr", baselines=(Baseline(name=LINEAR, accuracies={"fold-0": 0.9}, **of),))
    assert "Linear classifier 0.9000 (-0.0" in report(study)


def test_search_has_ended_only_where_no_stage_is_left(make_study: Make) -> None:
    ended = report(make_study("ended"))
    assert "The staged search ended with" in ended
    begun = report(make_study("begun", stages=("lr",), epochs=2))
    assert "The staged search, without hidden units (stage neurons), which did not run, found" in begun


def test_note_of_several_stages_is_said_once(make_study: Make) -> None:
    study = make_study(stages=("lr", "l2"), epochs=2)
    for stage in ("lr", "l2"):
        rewrite(study, stage, notes=("woman is label 0",))
    assert report(study).count("woman is label 0") == 1


def test_page_names_every_place_once(page: Page) -> None:
    assert len(set(page.identifiers)) == len(page.identifiers)
    assert {f"{stage.replace('_', '-')}-title" for stage in STAGES} < set(page.identifiers)


def test_page_tables_have_captions_and_scopes(page: Page) -> None:
    assert page.tables == page.captions > 10
    assert page.headings_without_scope == 0


def test_text_of_files_is_never_markup(make_study: Make) -> None:
    evil = "</script><script>alert(1)</script><img src=x>|*"
    study = make_study(stages=("lr",), epochs=1, keras_backend=evil, source=evil)
    breakdown = {"by_age": [{"age": evil, "n": 1, "accuracy": 0.5, "interval": [0.1, 0.9]}] * 3}
    rewrite(study, "lr", statement=evil, notes=(evil,), breakdown=breakdown)
    write_report(Study(study).snapshot(), study / "report", MADE_ON)
    text = (study / "report" / "index.html").read_text("utf-8")
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    markdown = (study / "report" / "report.md").read_text("utf-8")
    assert not re.search(r"(?<!\\)<", markdown)


def test_folds_are_averaged(make_study: Make) -> None:
    text = report(
        make_study(stages=("lr",), epochs=2, split="folds", splits=("fold-0", "fold-1", "fold-2"), repeats=2)
    )
    assert "runs of each value: here 6; published 1" in text
    assert re.search(r"\| 0\.1 \| 0\.\d{4} ± 0\.\d{4} \| 0\.7820 \|", text)


AWKWARD = ("cat | tabby, <b>$x$</b>", "[bold]dog🐇[/bold]")
OTHER = {"source": "folder", "class_names": AWKWARD, "group_kind": ""}
OF_PEOPLE = re.compile(r"female|\bmale\b|\bface|gender|adience|celeba|published|\bage\b|label [01]", re.I)


@pytest.fixture(scope="module")
def other_document(tmp_path_factory: pytest.TempPathFactory, write_study: Make) -> Document:
    """The report on a whole study of other data, with classes that look like markup."""
    study = write_study(tmp_path_factory.mktemp("other") / "animals", joint=12, **OTHER)
    for path in (study / "stages").glob("*.json"):
        values = json.loads(path.read_text())
        values["breakdown"]["by_age"] = []
        path.write_text(json.dumps(values))
        unseal(path, format=3)
    return report_on(Study(study).snapshot(), MADE_ON)


@pytest.fixture(scope="module")
def other_text(other_document: Document) -> str:
    return to_markdown(other_document)


@pytest.fixture(scope="module")
def other_page(other_document: Document) -> str:
    return to_html(other_document, drawings_of(other_document))


def test_report_on_other_classes_says_nothing_of_people_or_published_figures(
    other_text: str, other_page: str
) -> None:
    assert not OF_PEOPLE.findall(other_text)
    assert "| this study |" in other_text
    body = other_page[other_page.index("<body>") :]
    assert not OF_PEOPLE.findall(body.split("<script")[0])


def test_report_names_the_classes_as_text(other_text: str, other_page: str) -> None:
    assert (
        r"| class | predicted 0 (cat \| tabby, \<b\>\$x\$\</b\>) | predicted 1 (\[bold\]dog🐇\[/bold\]) |"
        in other_text
    )
    assert r"ROC curve, 1 (\[bold\]dog🐇\[/bold\]) as positive: AUC" in other_text
    assert "0 (cat | tabby, &lt;b&gt;$x$&lt;/b&gt;)" in other_page
    assert "<b>$x$</b>" not in other_page
