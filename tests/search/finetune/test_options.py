"""The options that lead to the final model: what they ask for, and what does not go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_prep.class_names import GENDERS
from data_prep.errors import InputError
from search.finetune.plan import finetune_plan, pretraining_of
from search.options.parser import parse_options
from search.study.stage_results import StageFiles, winner_of
from tests.search.makers import make_joint_result, make_problem, make_stage_result, write_small_manifest
from trainables.trial import TrialConfig

FINETUNE = ("--stage", "finetune")


def refusal(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Returns the last line of what wrong usage prints."""
    with pytest.raises(SystemExit) as raised:
        parse_options(argv)
    assert raised.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--stage", "lr", "--celeba", "c.parquet"), "--celeba belongs to --stage finetune, --stage all or"),
        (("--stage", "lr", "--finetune", "head"), "--finetune belongs to --stage finetune"),
        ((*FINETUNE, "--celeba-root", "x"), "--celeba-root belongs to --celeba; add it"),
        ((*FINETUNE, "--pretraining-epochs", "3"), "--pretraining-epochs belongs to --celeba"),
        ((*FINETUNE, "--finetune-rate", "1e-5"), "--finetune-rate is of unfrozen blocks; add --finetune"),
        ((*FINETUNE, "--augment", "flip"), "--augment is for networks that train on images; add --finetune"),
        (("--stage", "lr", "--precision", "bfloat16"), "or --backbone hassner, or leave it out"),
        (
            ("--stage", "lr", "--backbone", "hassner", "--train-batchnorm"),
            "--train-batchnorm is for networks that train on images; add --finetune blocks:N, --unfrozen",
        ),
        ((*FINETUNE, "--finetune", "blocks:1", "--precision", "float16"), "--precision float16 needs a GPU"),
        (
            (*FINETUNE, "--finetune", "blocks:0"),
            "a depth is head, blocks:N (N from 1) or all, received 'blocks:0'",
        ),
        ((*FINETUNE, "--finetune", "deep"), "a depth is head, blocks:N (N from 1) or all, received 'deep'"),
        ((*FINETUNE, "--final"), "--final reads the held-out data for a stage's winner"),
        ((*FINETUNE, "--finetune", "blocks:1", "--finetune-rate", "0"), "a rate is a positive number"),
    ],
)
def test_contradictions_are_told(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], message: str
) -> None:
    assert message in refusal(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (FINETUNE, True),
        (("--stage", "all"), False),
        (("--stage", "all", "--celeba", "c.parquet"), True),
        (("--mode", "joint", "--celeba", "c.parquet"), True),
        (("--stage", "all", "--finetune", "blocks:1"), True),
    ],
)
def test_finetuning_starts_by_itself_where_there_are_images_to_pretrain_on(
    argv: tuple[str, ...], wanted: bool
) -> None:
    assert parse_options(argv).wants_finetuning is wanted


def test_augmentation_of_the_network_that_trains_on_images_is_a_hyperparameter() -> None:
    options = parse_options(("--stage", "lr", "--backbone", "hassner", "--augment", "crop_flip"))
    assert options.given["augment"] == "crop_flip"


def _folder(tmp_path: Path, *results: Any) -> Path:
    for result in results:
        StageFiles(tmp_path / "study").write(result)
    return tmp_path / "study"


LR = make_stage_result(winner=TrialConfig(learning_rate=0.0003), finished_at="2026-01-01")
DROPOUT = make_stage_result(
    "dropout",
    "dropout",
    winner=TrialConfig(learning_rate=0.0003, dropout=0.4),
    finished_at="2026-01-02",
)
JOINTLY = make_joint_result(winner=TrialConfig(batch_size=8), finished_at="2026-01-03")


def test_winner_is_that_of_what_finished_last() -> None:
    assert winner_of([LR, DROPOUT], Path("s")) == (DROPOUT.winner, "stage dropout")
    assert winner_of([LR, DROPOUT, JOINTLY], Path("s")) == (JOINTLY.winner, "the joint search")


def test_stage_that_was_run_again_has_the_winners_of_those_after_it() -> None:
    winner, origin = winner_of([DROPOUT, LR], Path("s"))
    assert (winner.learning_rate, winner.dropout, origin) == (0.0003, 0.4, "stage lr")


def test_study_without_a_winner() -> None:
    with pytest.raises(
        InputError, match=r"^the study s has no winner to fine-tune; run python -m search\.run"
    ):
        winner_of([], Path("s"))


def test_plan_takes_the_winner_with_what_is_given(tmp_path: Path) -> None:
    folder = _folder(tmp_path, LR, DROPOUT)
    celeba = write_small_manifest(tmp_path / "celeba", source="celeba")
    options = parse_options(
        (
            *FINETUNE,
            "--celeba",
            str(celeba),
            "--epochs",
            "3",
            "--repeats",
            "2",
            "--finetune",
            "head,blocks:2,all",
        )
    )
    problem = make_problem(tmp_path)
    plan = finetune_plan(options, problem, pretraining_of(options, problem), folder)
    assert (plan.winner.dropout, plan.winner.epochs, plan.seeds) == (0.4, 3, (7, 8))
    assert plan.blocks == (2, "all")
    assert plan.pretraining is not None
    assert [split.name for split in plan.pretraining.splits] == ["pretraining"]


@pytest.mark.parametrize(
    ("names", "way_out"),
    [
        (("cat", "dog"), "those of the data are cat, dog; leave out --celeba"),
        (("Man", "Woman"), "those of the data are Man, Woman; build .* with --classes Woman, Man"),
        (("0", "1"), "those of the data are 0, 1; leave out --celeba"),
    ],
)
def test_pretraining_on_faces_is_refused_where_the_names_do_not_say_that_1_is_male(
    tmp_path: Path, names: tuple[str, str], way_out: str
) -> None:
    celeba = write_small_manifest(tmp_path / "celeba", source="celeba", class_names=GENDERS)
    options = parse_options((*FINETUNE, "--celeba", str(celeba)))
    with pytest.raises(InputError, match=f"same order: its are female, male, {way_out}"):
        pretraining_of(options, make_problem(tmp_path, class_names=names))
    problem = make_problem(tmp_path, class_names=("woman", "man"))
    assert pretraining_of(options, problem) is not None


def test_pretraining_on_two_classes_may_start_three(tmp_path: Path) -> None:
    celeba = write_small_manifest(tmp_path / "celeba", source="celeba", class_names=GENDERS)
    options = parse_options((*FINETUNE, "--celeba", str(celeba)))
    flowers = ("daisy", "rose", "tulip")
    labels = [number // 2 % 3 for number in range(80)]
    assert pretraining_of(options, make_problem(tmp_path, class_names=flowers, label=labels)) is not None


def test_plan_without_other_images_has_no_pretraining(tmp_path: Path) -> None:
    plan = finetune_plan(parse_options(FINETUNE), make_problem(tmp_path), None, _folder(tmp_path, LR))
    assert (plan.pretraining, plan.blocks) == (None, ())
