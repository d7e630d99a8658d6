"""What fine-tuning found, on a terminal and for scripts."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from search.finetune.plan import FinetunePlan
from search.output.json_objects import finetune_json
from search.output.tables import print_finetune, print_finetune_setting
from search.study.facts import StudyFacts
from tests.search.makers import make_column, make_finetune_result

WIDE = dict.fromkeys(("accuracy", "val_accuracy", "loss", "val_loss", "auc"), (0.123456, 0.012345))
RESULT = make_finetune_result(
    make_column("untuned", "untuned", tied=False),
    make_column("tuned", "tuned"),
    make_column("blocks:2", "tuned, pretrained on CelebA, last 2 blocks", figures=WIDE, tied=None),
    verdict="tied",
)


def printed() -> str:
    stream = io.StringIO()
    print_finetune(RESULT, Console(file=stream, width=80))
    return stream.getvalue()


def test_table_fits_80_columns() -> None:
    assert max(map(len, printed().splitlines()[:-1])) <= 80


def test_table_marks_winner_and_ties() -> None:
    lines = [line.split() for line in printed().splitlines()]
    assert [line[-1] for line in lines if line and line[0] in ("untuned", "tuned")] == ["worse", "tied"]
    assert any(line[-1:] == ["winner"] for line in lines)
    assert "±0.0123" in printed()


def test_setting_names_hyperparameters_as_other_tables_do(make_plan: Callable[..., FinetunePlan]) -> None:
    stream = io.StringIO()
    print_finetune_setting(make_plan(), Console(file=stream, width=80))
    assert stream.getvalue().startswith("winner    of stage dropout: backbone resnet50_v2, batch size 32, ")
    assert "_rate" not in stream.getvalue()


def test_title_and_statement_are_no_markup() -> None:
    odd = make_finetune_result(make_column("tuned", "on faces[/x]"), statement="[/x] wins")
    stream = io.StringIO()
    print_finetune(odd, Console(file=stream, width=80))
    assert "on faces[/x]" in stream.getvalue()
    assert "[/x] wins" in stream.getvalue()


def test_json_has_what_stages_have() -> None:
    made_of = StudyFacts(data_digest="d", source="sample", weights="none", keras_backend="jax")
    told = finetune_json(RESULT, Path("/r/s"), made_of, 3.5)
    assert (told["study"], told["stage"], told["seconds"]) == ("s", "finetune", 3.5)
    assert told["winner"] == RESULT.columns[-1].config
