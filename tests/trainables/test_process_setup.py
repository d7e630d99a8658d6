"""What a process is told before Keras is imported."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables import backend_timing, process_setup
from trainables.features import __main__ as features_program
from trainables.process_setup import (
    available_cores,
    batches_at_once,
    fix_keras_settings,
    keep_compiled,
    prepare_process,
    prepared_cores,
)


@pytest.fixture(autouse=True)
def _without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "keras", raising=False)


def test_process_uses_as_many_threads_as_it_has_cpus() -> None:
    prepare_process("jax", 3)
    assert {os.environ[name] for name in ("NPROC", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")} == {"3"}
    assert os.environ["KERAS_BACKEND"] == "jax"
    assert prepared_cores() == 3


def test_process_that_was_not_prepared_has_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPROC", raising=False)
    assert prepared_cores() == available_cores()


@pytest.mark.parametrize(
    ("keras_backend", "cpus", "gpus", "batches", "threads"),
    [
        ("tensorflow", 2, 0.0, 2, 1),
        ("tensorflow", 5, 0.0, 2, 3),
        ("tensorflow", 1, 0.0, 1, 1),
        ("tensorflow", 4, 1.0, 1, 4),
        ("jax", 4, 0.0, 1, 4),
    ],
)
def test_batches_side_by_side_share_the_threads(
    keras_backend: str, cpus: int, gpus: float, batches: int, threads: int
) -> None:
    prepare_process(keras_backend, cpus, gpus, batches=2)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == str(threads)
    assert batches_at_once() == batches


@pytest.mark.parametrize(("said", "batches"), [(None, 1), ("0", 1), ("3", 3)])
def test_process_that_was_not_prepared_passes_a_batch_at_least(
    said: str | None, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    if said:
        monkeypatch.setenv("TF_NUM_INTEROP_THREADS", said)
    assert batches_at_once() == batches


@pytest.mark.parametrize(("gpus", "share"), [(0.25, "0.225"), (1.0, None), (0.0, None), (2.0, None)])
def test_share_of_a_gpu_limits_its_memory(
    gpus: float, share: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    prepare_process("jax", 1, gpus)
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION") == share


class _PreparedError(Exception):
    """Ends a program where it prepares its process."""


@pytest.mark.parametrize(
    ("program", "words", "asked", "visible"),
    [
        (features_program, ["jax", "2"], "", ""),
        (backend_timing, [], '{"backend": "jax", "cpus": 2, "gpus": 0}', ""),
        (backend_timing, [], '{"backend": "jax", "cpus": 2, "gpus": 0.5}', "0"),
    ],
)
def test_gpu_that_was_not_asked_for_is_not_seen(
    program: Any, words: list[str], asked: str, visible: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: Any, **__: Any) -> None:
        raise _PreparedError

    monkeypatch.setattr(program, "prepare_process", end)
    monkeypatch.setattr(sys, "argv", ["program", *words])
    monkeypatch.setattr(sys, "stdin", io.StringIO(asked))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(_PreparedError):
        program.main()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible


@pytest.mark.parametrize(
    ("limits", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "300000 100000\n"}, 3),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({}, 8),
    ],
)
def test_cores_are_those_that_the_container_allows(
    limits: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in limits.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(process_setup, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert available_cores() == cores


@pytest.mark.parametrize(
    ("told", "cores"),
    [
        ({"SLURM_CPUS_ON_NODE": "6", "SLURM_CPUS_PER_TASK": "3"}, 3),
        ({"SLURM_CPUS_ON_NODE": "6"}, 6),
        ({"SLURM_CPUS_ON_NODE": "64", "SLURM_CPUS_PER_TASK": "(null)"}, 8),
    ],
)
def test_cores_are_those_that_slurm_gave(
    told: dict[str, str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_setup, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    for name, text in told.items():
        monkeypatch.setenv(name, text)
    assert available_cores() == cores


def test_compiled_programs_are_kept_by_processor_unless_the_user_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COMPILATION_CACHE_DIR", "PERSISTENT_CACHE_ENABLE_XLA_CACHES"):
        monkeypatch.delenv(f"JAX_{name}", raising=False)
    keep_compiled(tmp_path)
    folder = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
    assert folder.parent.samefile(tmp_path)
    assert len(folder.name) == 8
    assert os.environ["JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES"] == "none"  # else the path is in each key
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/own")
    keep_compiled(tmp_path)
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "/own"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has paths that stay with a folder")
def test_no_compiled_program_is_written_into_a_bare_mount_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    keep_compiled(tmp_path / "compiled")
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    (tmp_path / "compiled").mkdir()
    keep_compiled(tmp_path / "compiled")
    (tmp_path / "compiled").rename(tmp_path / "moved")
    (tmp_path / "compiled").mkdir()
    Path(os.environ["JAX_COMPILATION_CACHE_DIR"]).mkdir(parents=True)
    assert [len(list((tmp_path / name).iterdir())) for name in ("moved", "compiled")] == [1, 0]


@pytest.mark.parametrize(
    ("installed", "keeps"), [({}, False), ({"jax": "0.6.2"}, False), ({"jax": "0.7.0"}, True)]
)
def test_programs_are_kept_by_a_jax_that_reads_them_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, installed: dict[str, str], keeps: bool
) -> None:
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setattr(process_setup, "installed_versions", lambda _: installed)
    keep_compiled(tmp_path)
    assert ("JAX_COMPILATION_CACHE_DIR" in os.environ) == keeps


@pytest.mark.training
def test_process_with_keras_on_another_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setitem(sys.modules, "keras", keras)
    other = "jax" if keras.backend.backend() == "tensorflow" else "tensorflow"
    with pytest.raises(RuntimeError, match=f"not on {other}"):
        prepare_process(other, 1)


@pytest.fixture
def keras_of_another() -> Iterator[Any]:
    """Keras with other settings than its own, as from ~/.keras/keras.json."""
    import keras

    settings = keras.config
    settings.set_floatx("float16")
    settings.set_dtype_policy("mixed_float16")
    settings.set_image_data_format("channels_first")
    settings.set_epsilon(1e-2)
    yield keras
    fix_keras_settings()


def _settings(keras: Any) -> tuple[object, ...]:
    config = keras.config
    return config.floatx(), config.dtype_policy().name, config.image_data_format(), config.epsilon()


OWN = ("float32", "float32", "channels_last", 1e-7)


@pytest.mark.training
def test_settings_of_keras_are_its_own(keras_of_another: Any) -> None:
    assert _settings(keras_of_another) != OWN
    fix_keras_settings()
    assert _settings(keras_of_another) == OWN


@pytest.mark.training
def test_network_of_a_trial_is_built_with_kerass_own_settings(keras_of_another: Any) -> None:
    from trainables.training.network import Architecture, build_network

    network = build_network(Architecture((8,), (4,), has_dropout=True, has_l2=True))
    assert {layer.compute_dtype for layer in network.layers} == {"float32"}
    assert _settings(keras_of_another) == OWN


@pytest.mark.training
def test_features_are_made_with_kerass_own_settings(keras_of_another: Any) -> None:
    from trainables.backbones.table import Backbone
    from trainables.features.extraction import build_forward

    pool = keras_of_another.layers.GlobalAveragePooling2D(dtype="float32", data_format="channels_last")
    model = keras_of_another.Sequential([keras_of_another.Input((8, 8, 3), dtype="float32"), pool])
    batch = np.full((2, 8, 8, 3), 201, dtype=np.uint8)
    features = build_forward(Backbone(name="mean", input_px=8, features=3), model, 2)(batch)
    assert (features == 201).all()
    assert _settings(keras_of_another) == OWN


def test_keras_is_imported_without_what_only_others_need_which_can_be_imported_later() -> None:
    code = (
        "import sys; from trainables.process_setup import import_keras, prepare_process\n"
        "prepare_process('jax', 1); import_keras(); import keras\n"
        "print(keras.backend.backend(), *sorted({'sklearn', 'matplotlib', 'pandas'} & set(sys.modules)))\n"
        "import pandas, sklearn.base; import_keras(); print(sys.modules['pandas'] is pandas)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["jax", "True"]
