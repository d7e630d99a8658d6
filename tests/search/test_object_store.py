"""A study, its cache and its data in a bucket: the machine that goes on with it needs to have none of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from data_prep.build import build_manifest
from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import load_celeba
from data_prep.datasets.drawn_sample import draw_sample
from data_prep.storage.remote import located, push
from search.show import main as show
from tests.waiting import SEARCH_S

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def data(bucket: str, tmp_path: Path) -> str:
    """A bucket with the data of 60 drawn faces, of which nothing is left on this machine."""
    draw_sample(tmp_path / "sample", photos=60, celeba_photos=40)
    for name, load in (("adience", load_adience), ("celeba", load_celeba)):
        build_manifest(load(tmp_path / "sample" / name), tmp_path / f"{name}.parquet")
        there = located(f"{bucket}/data")
        shutil.copytree(tmp_path / "sample" / name, there / name)
        shutil.copy(tmp_path / f"{name}.parquet", there / f"{name}.parquet")
    push(there)
    shutil.rmtree(tmp_path / "sample")
    shutil.rmtree(there)
    return bucket


def search(machine: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Runs a search on a machine with that cache, and returns what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "search.run", "--json", *options],
        env={**os.environ, "XDG_CACHE_HOME": str(machine)},
        cwd=machine.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=SEARCH_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def options_in(bucket: str, **places: str) -> list[str]:
    """Returns options that name places in the bucket."""
    return [
        word
        for name, place in places.items()
        for word in (f"--{name.replace('_', '-')}", f"{bucket}/{place}")
    ]


def names_in(bucket: str) -> list[str]:
    """Returns the keys of all objects."""
    found = boto3.client("s3").list_objects_v2(Bucket=bucket.removeprefix("s3://"))
    return [entry["Key"] for entry in found.get("Contents", [])]


def test_study_goes_on_on_another_machine(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = options_in(
        data, data="data/adience.parquet", data_root="data/adience", storage="results", cache="cache"
    )
    options = (*places, "--backbone", "keras:MobileNetV2", "--epochs", "2")
    stage, said = search(tmp_path / "first", "--stage", "lr", *options)
    assert f"{data}/results/adience" in said
    tuned = {"stages/lr.json", "study.json", *(f"trials/{trial['key']}.json" for trial in stage["trials"])}
    assert {f"results/adience/{name}" for name in tuned} <= set(names_in(data))
    assert not [name for name in names_in(data) if "shards" in name or "ray-tune" in name]

    again, said = search(tmp_path / "second", "--stage", "lr", *options)
    assert [trial["reused"] for trial in again["trials"]] == [True] * len(stage["trials"])
    assert again["winner"] == stage["winner"]

    celeba = options_in(data, celeba="data/celeba.parquet", celeba_root="data/celeba")
    final, said = search(tmp_path / "third", "--stage", "finetune", "--repeats", "1", *options, *celeba)
    assert "/40 images" in said  # of CelebA
    assert "/60 images" not in said  # those features are in the bucket
    assert "results/adience/winner/model.keras" in names_in(data)
    assert final["finetune"]["winner"]
    assert show([f"{data}/results/adience"]) == 0
    assert "adience" in capsys.readouterr().out
