"""A study, its cache and its data in a bucket: the machine that goes on with it needs to have none of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from data_prep.adience import load_adience
from data_prep.build import build_manifest
from data_prep.celeba import load_celeba
from data_prep.remote import located, push
from data_prep.sample import draw_sample
from search.show import main as show

pytestmark = pytest.mark.ray


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


def search(bucket: str, machine: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Runs a search with everything in the bucket, on a machine with that cache; returns what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "search.run", "--json", *everything_in(bucket), *options],
        env={**os.environ, "XDG_CACHE_HOME": str(machine)},
        cwd=machine.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def everything_in(bucket: str) -> list[str]:
    """Returns the options that name places, all of them in the bucket."""
    places = {
        "data": "data/adience.parquet",
        "data-root": "data/adience",
        "celeba": "data/celeba.parquet",
        "celeba-root": "data/celeba",
        "storage": "results",
        "cache": "cache",
    }
    return [word for name, place in places.items() for word in (f"--{name}", f"{bucket}/{place}")]


def names_in(bucket: str) -> list[str]:
    """Returns the keys of all objects."""
    found = boto3.client("s3").list_objects_v2(Bucket=bucket.removeprefix("s3://"))
    return [entry["Key"] for entry in found.get("Contents", [])]


def test_study_goes_on_on_another_machine(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--backbone", "keras:MobileNetV2", "--epochs", "2")
    stage, said = search(data, tmp_path / "first", "--stage", "lr", *options)
    assert f"{data}/results/adience" in said
    tuned = {"stages/lr.json", "study.json", *(f"trials/{trial['key']}.json" for trial in stage["trials"])}
    assert {f"results/adience/{name}" for name in tuned} <= set(names_in(data))
    assert not [name for name in names_in(data) if "shards" in name or "ray-tune" in name]

    again, said = search(data, tmp_path / "second", "--stage", "lr", *options)
    assert [trial["reused"] for trial in again["trials"]] == [True] * len(stage["trials"])
    assert again["winner"] == stage["winner"]

    final, said = search(data, tmp_path / "third", "--stage", "finetune", "--repeats", "1", *options)
    assert "features of" not in said.replace("features of keras:MobileNetV2 (random weights): 0/40", "")
    assert "results/adience/winner/model.keras" in names_in(data)
    assert final["finetune"]["winner"]
    assert show([f"{data}/results/adience"]) == 0
    assert "adience" in capsys.readouterr().out


KILLED = """
import json, os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_driver import Problem, Driver, Resources, Policy, Silent, TrialConfig, read_manifest
from data_prep.remote import located
bucket, *kill = sys.argv[1:]
manifest = read_manifest(located(bucket + "/data/adience.parquet"), located(bucket + "/data/adience"))
problem = Problem.of(manifest, "random", "none", "auto")
trial = problem.trial(TrialConfig(backbone="hassner", hidden_units=(16, 16), epochs=3), "random")
class Killed(Silent):
    def epoch_ended(self, trial, metrics):
        super().epoch_ended(trial, metrics)
        if metrics.epoch == 2 and kill:
            os.killpg(0, signal.SIGKILL)
places = located(bucket + "/cache"), located(bucket + "/results/s/checkpoints")
with Driver(problem, *places, Resources(), lambda *_: None) as driver:
    observer = Killed()
    result = driver.train([trial], observer, Policy())[trial.key]
print(json.dumps({{"status": result.status, "trained": observer.epochs, "epochs": len(result.epochs)}}))
"""


def test_trial_on_images_goes_on_on_another_machine(data: str, tmp_path: Path) -> None:
    script = KILLED.format(tests=str(Path(__file__).parent))

    def run(machine: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, data, *options],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / machine)},
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            timeout=300,
        )

    assert run("first", "kill").returncode == -signal.SIGKILL
    assert [name for name in names_in(data) if name.endswith("state.npz")]
    done = run("second")
    assert json.loads(done.stdout) == {"status": "COMPLETED", "trained": [3], "epochs": 3}, done.stderr
    assert not [name for name in names_in(data) if "checkpoints/" in name]
