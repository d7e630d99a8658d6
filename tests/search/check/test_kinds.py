"""The register of files: whatever happens to one of them is a sentence, and nothing else is read of it.

MUTATIONS=20000 SEED=19 in the environment tries that many others.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.digests import digest_of_file
from data_prep.errors import InputError
from data_prep.manifest import read_manifest, write_manifest
from data_prep.readers import READING, Reader, Readers
from data_prep.storage.json_files import read_as, write_json
from search.callbacks.live_state_writer import LiveStateWriter
from search.check.kinds import STUDY_KINDS, FileKind, kind_of
from search.statistics.baselines import Baseline
from search.statistics.split_worth import SplitWorth
from search.strategies.baselines import write_baselines
from search.strategies.suggestions import Suggestions
from search.study.folder import keep_command
from search.study.formats import MODEL, READINGS, SPLIT_WORTH
from search.study.from_outside.notes import keep_note
from search.study.from_outside.stop_request import ask_to_stop
from search.study.index.kept_trials import keep_trials
from search.study.index.whole_trials import stamps_in
from search.study.layout import Layout
from search.study.ledger import Ledger, keep_log
from search.trackers.wandb.logged_runs import Destination, Logged, Note, Run
from tests.search.makers import make_column, make_finetune_result, make_manifest, make_result, make_trial
from trainables.features.cache import (
    SPEEDS,
    DamagedCacheWarning,
    FeatureKey,
    join_shards,
    read_store,
    write_shard,
)
from trainables.training.state_file import write_state

MUTATIONS = int(os.environ.get("MUTATIONS", "1000"))
SEED = int(os.environ.get("SEED", "18"))


def _read_store(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DamagedCacheWarning)
        try:
            read_store(path.parent)
        except DamagedCacheWarning as error:
            raise InputError(str(error)) from error


CACHE_KINDS = (
    FileKind("index of features", "features/*/index.json", _read_store),
    FileKind("features", "features/*/features.npy", _read_store),
    FileKind("speed of backends", "backends/*.json", lambda path: read_as(path, SPEEDS, dict, way_out="")),
    FileKind(
        "reading of held-out data", "readings/*/*.json", lambda path: read_as(path, READING, dict, way_out="")
    ),
    FileKind("manifest", "*.parquet", read_manifest),
)
READ = [kind for kind in (*STUDY_KINDS, *CACHE_KINDS) if kind.read]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, write_study: Callable[..., Path]) -> Path:
    """A folder with a study and a cache in which every kind of file lies."""
    folder = tmp_path_factory.mktemp("everything")
    study = write_study(folder / "study", stages=("lr",), epochs=2, joint=8)
    _write_beside_the_stages(study)
    _write_model(study)
    _write_cache(folder / "cache")
    return folder


def _write_beside_the_stages(study: Path) -> None:
    layout, ledger, trial = Layout(study), Ledger(study), make_trial()
    ledger.record(make_result(trial, 0.5), np.array([0.25, 0.75]))
    keep_log(study, trial.key, "gone")
    keep_command(study, ["--stage", "lr"])
    keep_trials(layout, stamps_in(layout.trials), ledger.results())
    keep_note(study, "the light changed", trial.key)
    ask_to_stop(study, "2026-01-01T00:00:00+00:00")
    LiveStateWriter(study, {"mode": "staged"}).close()
    known = Baseline(
        name="constant", title="always", backbone="", accuracies={"random": 0.5}, balanced={"random": 0.5}
    )
    write_baselines(study, "0123456789abcdef", [known])
    asked = Suggestions(3, {"a": 1}, lambda _: None, ledger, layout.suggestions("tpe", "asha"))
    asked.ask(make_trial(seed=3))
    worth = SplitWorth(
        config=trial.config.to_dict(),
        trials=("a", "b"),
        accuracy=0.9,
        apart=0.8,
        interval=(0.7, 0.85),
        groups=9,
        noun="faces",
    )
    write_json(layout.split_worth, {"format": SPLIT_WORTH.number, **worth.to_dict()})
    write_json(layout.finetune, make_finetune_result(make_column("a", "b")).to_dict())
    reading = {"config": trial.config.to_dict(), "stage": "lr", "accuracy": 0.5}
    write_json(layout.final, {"format": READINGS.number, "readings": [reading]})
    run = Run(id="x", name="x", group="g", job_type="trial", tags=("a",), config={})
    note = Note(Destination(study=study, mode="offline", project="p"))
    note.write(Logged(run=run, state="finished", summary={}))
    for path in (layout.weights / trial.key / "last.npz", layout.checkpoints / trial.key / "state.npz"):
        path.parent.mkdir(parents=True)
        write_state(path, {"classes": 2}, [np.arange(6.0)])


def _write_model(study: Path) -> None:
    model = Layout(study).model
    model.parent.mkdir()
    model.write_bytes(bytes(range(256)))
    record = {"format": MODEL.number, "labels": {"0": "a", "1": "b"}, "model_digest": digest_of_file(model)}
    write_json(model.with_name("model.json"), record)


def _write_cache(cache: Path) -> None:
    key = FeatureKey(
        application="A",
        weights_digest="w",
        input_px=1,
        preprocessing="p",
        dtype="float32",
        images=4,
        images_digest="d",
    )
    key.folder(cache).mkdir(parents=True)
    write_shard(key.folder(cache), range(4), np.ones((4, 2), np.float32))
    join_shards(key.folder(cache), key, {})
    Readers(cache).add("d" * 32, Reader(study="s", by="me", read_at="2026-01-01", folds={"fold-0": 3}))
    speeds = {"format": SPEEDS.number, "seconds_an_image": {"tensorflow": 0.03, "jax": None}}
    write_json(cache / "backends" / "0123.json", speeds)
    manifest = make_manifest(cache)
    manifest.image_paths()[0].touch()
    write_manifest(manifest, cache / "m.parquet")


def _files(folder: Path, kind: FileKind) -> list[Path]:
    if kind in CACHE_KINDS:
        return list((folder / "cache").glob(kind.pattern))
    root = folder / "study"
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return [path for path in paths if kind_of(path.relative_to(root).as_posix()) is kind]


def test_every_file_of_a_study_is_registered(everything: Path) -> None:
    study = everything / "study"
    names = [path.relative_to(study).as_posix() for path in study.rglob("*") if path.is_file()]
    assert [name for name in names if kind_of(name) is None] == []


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_whole_file_of_every_kind_is_read(everything: Path, kind: FileKind) -> None:
    assert kind.read
    (first, *_) = _files(everything, kind) or pytest.fail("the study has no file of this kind")
    kind.read(first)


@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.name)
def test_file_that_is_cut_flipped_or_emptied_is_named(everything: Path, kind: FileKind) -> None:
    path, rng = _files(everything, kind)[0], random.Random(SEED)
    content = path.read_bytes()
    try:
        for damaged in _damages(content, rng, MUTATIONS * 3 // 4 // len(READ)):
            path.write_bytes(damaged)
            with pytest.raises(InputError, match=r"^[^\n]+$"):
                _read_damaged(kind, path, content)
    finally:
        path.write_bytes(content)


def _damages(content: bytes, rng: random.Random, count: int) -> Iterator[bytes]:
    yield b""
    for _ in range(count // 3):
        yield content[: rng.randrange(len(content))]
    for _ in range(count - count // 3):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        yield bytes(flipped)


def _read_damaged(kind: FileKind, path: Path, content: bytes) -> None:
    """Raises InputError where the file is damaged, or where the bytes that changed are not of the values.

    A zip file and a parquet file have fields of their own, such as the moment of writing.
    """
    assert kind.read
    kind.read(path)
    if path.suffix not in (".npz", ".parquet"):
        return
    now = _values_of(path)
    path.write_bytes(content)
    if now == _values_of(path):
        raise InputError(f"{path.name}: only what says nothing of the values")


def _values_of(path: Path) -> Any:
    if path.suffix == ".npz":
        from trainables.training.state_file import read_state

        facts, values = read_state(path)
        return facts, [value.tolist() for value in values]
    return read_manifest(path).digest


@pytest.mark.parametrize(
    "kind", [kind for kind in READ if kind.pattern.endswith(".json")], ids=lambda kind: kind.name
)
def test_file_with_values_of_other_types_or_formats_ends_in_no_traceback(
    everything: Path, kind: FileKind
) -> None:
    path, rng = _files(everything, kind)[0], random.Random(SEED)
    assert kind.read
    content = path.read_bytes()
    values = json.loads(content)
    del values["digest"]
    try:
        for _ in range(MUTATIONS // 4 // 14):
            write_json(path, _retyped(values, rng))
            with contextlib.suppress(InputError):  # a value of free form may be of any type
                kind.read(path)
        write_json(path, {**values, "format": values["format"] + 1})
        with pytest.raises(InputError, match=rf"its format is {values['format'] + 1}|damaged"):
            kind.read(path)
    finally:
        path.write_bytes(content)


def _retyped(values: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Returns a copy in which one value, at whatever depth, is of another type."""
    made = json.loads(json.dumps(values))
    place: Any = made
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        name = rng.choice(names)
        inner = place[name]
        if name != "format" and (not isinstance(inner, dict | list) or not inner or rng.random() < 0.3):
            place[name] = rng.choice([None, -1, 2**70, 0.5, 1e300, "x", "", [], {}, [[]], {"a": 1}, True])
            return dict(made)
        place = inner if isinstance(inner, dict | list) and inner else made
