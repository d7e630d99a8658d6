"""Which command comes next for a study."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from data_prep.storage.remote import located
from search.options.next_command import next_command
from search.options.parser import parse_options
from search.space.stages import STAGES
from search.study.facts import StudyFacts
from search.study.folder import Command
from search.study.stage_results import StageResult
from tests.search.makers import make_joint_result, make_stage_result

FOLDER = Path("/studies/faces")
FACTS = StudyFacts(source="adience", split="folds", weights="imagenet", keras_backend="jax")
BEFORE, AFTER = "2026-01-01T00:00:00.000000+00:00", "2026-01-03T00:00:00.000000+00:00"


def command(options: str, cwd: str = "") -> Command:
    return Command(tuple(options.split()), "2026-01-02T00:00:00.000000+00:00", cwd or str(Path.cwd()))


def finished(*stages: str, at: str = AFTER) -> list[StageResult]:
    return [make_stage_result(name, STAGES[name].hyperparameter, finished_at=at) for name in stages]


@pytest.mark.parametrize(
    ("options", "results", "expected"),
    [
        ("--stage lr --data m.parquet", [], "search.run --stage lr --data m.parquet"),
        ("--stage lr", finished("lr", at=BEFORE), "search.run --stage lr"),
        ("--stage all --repeats 3", finished("lr", "dropout"), "search.run --stage all --repeats 3"),
        ("--stage lr --repeats 3", finished("lr"), "search.run --stage neurons --repeats 3"),
        ("--stage dropout", finished("lr", "dropout"), "search.run --stage neurons"),
        ("--stage lr", finished("lr", *list(STAGES)[3:]), "search.run --stage finetune"),
        ("--stage=backbone", finished("backbone"), "search.run --stage batch_size"),
        (
            "--stage backbone --batch-size 8 --final --split folds",
            finished("backbone"),
            "search.run --stage lr --split folds --batch-size 8",
        ),
        ("--stage all", finished(*STAGES), "search.run --stage finetune"),
        (
            "--stage all --order lr --sweeps 2 --epochs 3",
            finished("lr"),
            "search.run --stage finetune --epochs 3",
        ),
        (
            "--stage all --backbone resnet50_v2 --repeats 3",
            finished(*list(STAGES)[1:]),
            "search.run --stage finetune --backbone resnet50_v2 --repeats 3",
        ),
        (
            "--stage lr --backbone hassner --augment flip",
            finished("lr"),
            "search.run --stage neurons --backbone hassner --augment flip",
        ),
        (
            "--mode joint",
            [make_joint_result(finished_at=AFTER)],
            "search.report /studies/faces",
        ),
        ("--mode joint", finished("lr"), "search.run --mode joint"),
    ],
)
def test_command_after_the_last_one(options: str, results: Sequence[StageResult], expected: str) -> None:
    assert next_command(FOLDER, FACTS, results, command(options)) == f"python -m {expected}"


def test_command_of_another_folder_goes_there(tmp_path: Path) -> None:
    folder = tmp_path / "my work"
    said = next_command(FOLDER, FACTS, [], command("--stage lr", str(folder)))
    assert said == f"cd '{folder}' && python -m search.run --stage lr"


def test_command_of_another_version_is_not_repeated() -> None:
    said = next_command(FOLDER, FACTS, finished("backbone"), command("--stage backbone --sharpness 3"))
    assert said.startswith("python -m search.run --stage batch_size --data MANIFEST --split folds")


@pytest.mark.parametrize(("source", "data"), [("adience", " --data MANIFEST"), ("sample", "")])
def test_study_without_a_command_gets_one_of_its_facts(source: str, data: str) -> None:
    said = next_command(FOLDER, replace(FACTS, source=source), finished("backbone"), None)
    assert said == (
        f"python -m search.run --stage batch_size{data} --split folds --weights imagenet "
        "--study faces --storage /studies --keras-backend jax"
    )


def test_next_command_is_understood() -> None:
    said = next_command(FOLDER, FACTS, finished("backbone"), None)
    assert parse_options(shlex.split(said)[3:]).stage == "batch_size"


@pytest.mark.parametrize(
    ("options", "finetuned_at", "expected"),
    [
        ("--stage finetune --celeba c.parquet", "", "search.run --stage finetune --celeba c.parquet"),
        ("--stage finetune --celeba c.parquet", BEFORE, "search.run --stage finetune --celeba c.parquet"),
        ("--stage all --finetune=head", "", "search.run --stage all --finetune head"),
        ("--stage finetune", AFTER, "search.report /studies/faces"),
    ],
)
def test_command_after_fine_tuning(options: str, finetuned_at: str, expected: str) -> None:
    said = next_command(FOLDER, FACTS, finished(*STAGES), command(options), finetuned_at=finetuned_at)
    assert said == f"python -m {expected}"


@pytest.mark.parametrize(("fact", "value"), [("feature_precision", "bfloat16"), ("resize", "nearest")])
def test_study_whose_features_the_final_model_does_not_compute_is_reported(fact: str, value: str) -> None:
    facts, option = replace(FACTS, **{fact: value}), fact.replace("_", "-")
    said = next_command(FOLDER, facts, finished(*STAGES), command(f"--stage all --{option} {value}"))
    assert said == "python -m search.report /studies/faces"


@pytest.mark.parametrize(
    "options",
    [
        "--stage lr",
        "--stage=backbone --final --split folds",
        "--stage all",
        "--stage all --order lr --sweeps 2",
        "--stage all --order=lr,dropout --sweeps=2",
        "--stage all --backbone resnet50_v2 --repeats 3 --final --split folds",
        "--stage all --backbone hassner --augment flip",
        "--stage all --repeats auto --max-repeats 5",
        "--stage all --celeba c.parquet --finetune head,blocks:1 --finetune-rate 1e-5 --augment flip",
        "--stage lr --backbone hassner --augment flip --precision bfloat16",
        "--stage lr --order dropout,lr --schedule cosine --l2 0 --dropout 0 --hidden-units 8",
        "--stage schedule --learning-rate 0.1",
        "--stage finetune --celeba c.parquet",
        "--mode joint --search random --num-samples 4 --scheduler pbt",
        "--mode joint --celeba sample",
    ],
)
@pytest.mark.parametrize("done", ["nothing", "what was asked", "everything"])
def test_every_proposal_can_be_run(options: str, done: str) -> None:
    asked = parse_options(options.split())
    names = asked.stage_names
    results = finished(*{"nothing": [], "what was asked": names, "everything": STAGES}[done])
    if asked.is_joint and done != "nothing":
        results.append(make_joint_result(finished_at=AFTER))
    finetuned_at = AFTER if done == "everything" and asked.wants_finetuning else ""
    proposed = shlex.split(next_command(FOLDER, FACTS, results, command(options), finetuned_at=finetuned_at))
    if proposed[2] == "search.run":
        parse_options(proposed[3:])


def test_study_in_a_bucket_is_reported_by_its_address() -> None:
    folder = located("s3://lab/results/faces")
    said = next_command(folder, FACTS, finished(*STAGES), command("--stage finetune"), finetuned_at=AFTER)
    assert said == "python -m search.report s3://lab/results/faces"
