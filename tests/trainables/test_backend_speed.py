"""Speed of Keras' backends: when it is measured, what is kept of it, and which backend that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trainables import backend_speed
from trainables.backend_speed import Work, faster_backend
from trainables.features.cache import SPEEDS
from trainables.trial import TrialConfig

FEATURES = Work(backbone="resnet50_v2", images=10**7, cpus=2)
TRAINING = replace(
    FEATURES, backbone="hassner", config=TrialConfig(backbone="hassner", hidden_units=(8,)), images=10**8
)
BOTH = {"tensorflow": 0.03, "jax": 0.02}


class Measured:
    """Stands in for the processes that measure: `seconds` an image by backend, and which were asked."""

    def __init__(self, seconds: Mapping[str, float | None]) -> None:
        self.seconds, self.asked = seconds, []  # type: ignore[var-annotated]

    def __call__(self, backend: str, work: Work) -> float | None:
        self.asked.append(backend)
        return self.seconds[backend]


def measuring(monkeypatch: pytest.MonkeyPatch, seconds: Mapping[str, float | None] = BOTH) -> Measured:
    measured = Measured(seconds)
    monkeypatch.setattr(backend_speed, "_seconds_of", measured)
    return measured


@pytest.mark.parametrize("work", [FEATURES, TRAINING, replace(FEATURES, gpus=1.0)])
def test_faster_backend_is_measured_once_and_said(
    work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = measuring(monkeypatch)
    assert [faster_backend(work, "tensorflow", tmp_path) for _ in range(2)] == ["jax", "jax"]
    assert measured.asked == ["tensorflow", "jax"]
    told = f"measuring on which backend of Keras {work.backbone} is faster here\n"
    assert capsys.readouterr().err == told
    (kept,) = (tmp_path / "backends").iterdir()
    values = backend_speed.read_json(kept, SPEEDS)
    assert values["seconds_an_image"] == BOTH
    assert values["backbone"].lower().startswith(work.backbone[:3])
    assert {"tensorflow", "jax", "keras"} <= values["versions"].keys()


@pytest.mark.parametrize(
    ("seconds", "backend"),
    [
        ({"tensorflow": 0.03, "jax": 0.028}, "tensorflow"),  # noise
        ({"tensorflow": 0.03, "jax": None}, "tensorflow"),
        ({"tensorflow": None, "jax": 0.5}, "jax"),
        ({"tensorflow": None, "jax": None}, "tensorflow"),
    ],
)
def test_usual_backend_stays_unless_the_other_is_clearly_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: Mapping[str, float | None], backend: str
) -> None:
    measuring(monkeypatch, seconds)
    assert faster_backend(FEATURES, "tensorflow", tmp_path) == backend


def test_nothing_is_measured_for_little_work_or_with_one_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = measuring(monkeypatch)
    assert faster_backend(replace(FEATURES, images=5_000), "tensorflow", tmp_path) == "tensorflow"
    monkeypatch.setattr(backend_speed, "is_installed", lambda package: package == "tensorflow")
    assert faster_backend(FEATURES, "tensorflow", tmp_path) == "tensorflow"
    assert (measured.asked, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    "other",
    [
        {"backbone": "resnet50_v2@128"},
        {"cpus": 1},
        {"gpus": 1.0},
        {"config": TrialConfig(backbone="resnet50_v2", unfrozen_blocks=1)},
    ],
)
def test_another_size_device_or_training_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    measured = measuring(monkeypatch)
    for work in (FEATURES, replace(FEATURES, **other)):
        faster_backend(work, "tensorflow", tmp_path)
    assert len(measured.asked) == 4


def test_damaged_file_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = measuring(monkeypatch)
    faster_backend(FEATURES, "tensorflow", tmp_path)
    (kept,) = (tmp_path / "backends").iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    assert faster_backend(FEATURES, "tensorflow", tmp_path) == "jax"
    assert len(measured.asked) == 4


@pytest.mark.training
@pytest.mark.slow
@pytest.mark.parametrize(
    "config", [None, TrialConfig(backbone="keras:MobileNet", unfrozen_blocks=1, input_px=32)]
)
def test_backends_are_timed_in_processes_of_their_own(config: TrialConfig | None) -> None:
    work = Work(backbone="keras:MobileNet@32", config=config, images=1, cpus=1)
    assert all(0 < (backend_speed._seconds_of(backend, work) or 0) < 60 for backend in ("tensorflow", "jax"))
