"""Extraction: the same rows as the plain forward pass, resumed after a kill, made once."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from data_prep.errors import InputError
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import build_backbone, preprocess
from trainables.features.cache import (
    DamagedCacheWarning,
    feature_key,
    find_features,
    progress_of,
    write_shard,
)
from trainables.features.extraction import Pace, complete, extract, share_maker, show_progress
from trainables.features.images import decode

SMALL = "keras:MobileNetV2"


@pytest.mark.training
def test_extract_gives_the_features_of_the_plain_forward_pass(photos, tmp_path: Path) -> None:
    store = extract(photos.paths, photos.digests, SMALL, "none", tmp_path, batch_size=4, shard_images=3)
    backbone = find_backbone(SMALL)
    images = np.stack([decode(path, 224) for path in photos.paths]).astype(np.float32)
    expected = build_backbone(backbone, "none").predict(preprocess(backbone, images), verbose=0)
    assert store.shape == (10, 1280)
    np.testing.assert_allclose(store.open(), expected, rtol=1e-4, atol=1e-4)


SIDE_BY_SIDE = """
import json, sys
from pathlib import Path
from trainables.process_setup import prepare_process
job = json.load(sys.stdin)
prepare_process("tensorflow", 2, batches=job.pop("batches"))
from trainables.features.extraction import extract
job["cache"] = Path(job["cache"])
extract(**job, batch_size=2)
"""


@pytest.mark.training
def test_batches_side_by_side_give_the_same_rows_to_the_bit(photos, tmp_path: Path) -> None:
    def rows(batches: int) -> np.ndarray:
        job = {
            "paths": [str(path) for path in photos.paths],
            "digests": list(photos.digests),
            "rows_name": SMALL,
            "weights": "none",
            "cache": str(tmp_path / str(batches)),
            "batches": batches,
        }
        subprocess.run([sys.executable, "-c", SIDE_BY_SIDE], input=json.dumps(job), text=True, check=True)
        store = find_features(tmp_path / str(batches), find_backbone(SMALL), "none", photos.digests)
        assert store is not None
        return store.open()

    np.testing.assert_array_equal(rows(2), rows(1))


@pytest.mark.training
def test_extract_in_bfloat16_is_near_and_has_rows_of_its_own(photos, tmp_path: Path) -> None:
    near, exact = (
        extract(photos.paths, photos.digests, SMALL, "none", tmp_path, precision, batch_size=4)
        for precision in ("bfloat16", "float32")
    )
    difference = np.linalg.norm(near.open() - exact.open()) / np.linalg.norm(exact.open())
    assert 1e-4 < difference < 0.1
    assert near.dtype == "float32"
    assert near.open().dtype == np.float32
    backbone = find_backbone(SMALL)
    assert find_features(tmp_path, backbone, "none", photos.digests, "bfloat16") == near
    assert find_features(tmp_path, backbone, "none", photos.digests) == exact


def test_share_maker_leaves_the_shards_there_are(photos, tmp_path: Path) -> None:
    key = feature_key(tmp_path, find_backbone("hassner"), "none", photos.digests)
    assert key is not None
    marked = np.full((4, 227, 227, 3), 7, np.uint8)

    def compute(missing: list[range]) -> float:
        assert missing == [range(0, 4), range(4, 8), range(8, 10)]
        write_shard(key.folder(tmp_path), range(4, 8), marked)
        make = share_maker(photos.paths, photos.digests, "hassner", "none", tmp_path, batch_size=3)
        assert [make(missing[::2]), make(missing[1::2])] == [6, 0]
        return 1.0

    rows = complete(key, tmp_path, compute, {}, shard_images=4).open()
    assert (rows[4:8] == marked).all()
    assert (rows[8:] == [decode(path, 227) for path in photos.paths[8:]]).all()


@pytest.mark.training
def test_share_maker_makes_the_weights_known(photos, tmp_path: Path) -> None:
    backbone = find_backbone(SMALL)
    assert feature_key(tmp_path, backbone, "none", photos.digests) is None
    share_maker(photos.paths, photos.digests, SMALL, "none", tmp_path)
    assert feature_key(tmp_path, backbone, "none", photos.digests) is not None


@pytest.mark.training
def test_extract_records_what_made_the_rows(photos, tmp_path: Path) -> None:
    store = extract(photos.paths[:1], photos.digests[:1], SMALL, "none", tmp_path, batch_size=1)
    index = json.loads((store.folder / "index.json").read_text())
    assert (index["backbone"], index["weights"]) == (SMALL, "none")
    assert index["keras_backend"] in ("tensorflow", "jax")
    assert index["images_per_second"] > 0


def test_extract_pixels(photos, tmp_path: Path) -> None:
    store = extract(photos.paths, photos.digests, "hassner", "none", tmp_path, batch_size=4, shard_images=3)
    assert (store.open() == [decode(path, 227) for path in photos.paths]).all()
    assert store.dtype == "uint8"
    assert find_features(tmp_path, find_backbone("hassner"), "none", photos.digests) == store


def test_extract_reads_what_is_there(photos, tmp_path: Path) -> None:
    first = extract(photos.paths, photos.digests, "hassner", "none", tmp_path)
    for path in photos.paths:
        path.unlink()
    assert extract(photos.paths, photos.digests, "hassner", "none", tmp_path) == first


def test_extract_makes_damaged_rows_again(photos, tmp_path: Path) -> None:
    store = extract(photos.paths, photos.digests, "hassner", "none", tmp_path)
    expected = np.array(store.open())
    path = store.folder / "features.npy"
    path.write_bytes(path.read_bytes()[:-100] + b"\0" * 100)
    with pytest.warns(DamagedCacheWarning):
        again = extract(photos.paths, photos.digests, "hassner", "none", tmp_path)
    assert (again.open() == expected).all()


def test_extract_reports_progress(photos, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    extract(
        photos.paths,
        photos.digests,
        "hassner",
        "none",
        tmp_path,
        batch_size=4,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_batches_side_by_side_keep_their_order_and_say_what_is_wrong(
    photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_NUM_INTEROP_THREADS", "2")
    job = [photos.paths, photos.digests, "hassner", "none", tmp_path]
    store = extract(*job, batch_size=1, shard_images=3)
    assert (store.open() == [decode(path, 227) for path in photos.paths]).all()
    photos.paths[7].write_bytes(b"changed")
    shutil.rmtree(store.folder)
    with pytest.raises(InputError, match="has changed since the manifest was built"):
        extract(*job, batch_size=1, shard_images=3)


KILLED = """
import json, os, signal, sys
from pathlib import Path
from trainables.features.extraction import extract
job = json.load(sys.stdin)
job["cache"] = Path(job["cache"])
def on_progress(done, total):
    if done == 6:
        os.kill(os.getpid(), signal.SIGKILL)
extract(**job, batch_size=2, shard_images=2, on_progress=on_progress)
"""


def test_extract_continues_after_a_kill(photos, tmp_path: Path) -> None:
    job = {
        "paths": [str(path) for path in photos.paths],
        "digests": list(photos.digests),
        "rows_name": "hassner",
        "weights": "none",
        "cache": str(tmp_path),
    }
    killed = subprocess.run([sys.executable, "-c", KILLED], input=json.dumps(job), text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    key = feature_key(tmp_path, find_backbone("hassner"), "none", photos.digests)
    assert key is not None
    assert progress_of(tmp_path, key) == (6, 10)
    seen: list[int] = []
    job["cache"] = tmp_path
    store = extract(**job, batch_size=2, shard_images=2, on_progress=lambda done, _: seen.append(done))
    assert seen == [8, 10]
    assert (store.open() == [decode(path, 227) for path in photos.paths]).all()


TOGETHER = """
import json, sys
from pathlib import Path
from trainables.features.extraction import extract
job = json.load(sys.stdin)
job["cache"] = Path(job["cache"])
made = []
extract(**job, batch_size=1, shard_images=1, on_progress=lambda done, _: made.append(done))
print(len(made))
"""


def test_two_processes_compute_once(photos, tmp_path: Path) -> None:
    job = json.dumps(
        {
            "paths": [str(path) for path in photos.paths],
            "digests": list(photos.digests),
            "rows_name": "hassner",
            "weights": "none",
            "cache": str(tmp_path),
        }
    )
    command = [sys.executable, "-c", TOGETHER]
    both = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(2)
    ]
    for process in both:
        assert process.stdin is not None
        process.stdin.write(job)
        process.stdin.close()
    made = []
    for process in both:
        with process:
            assert process.stdout is not None
            made.append(int(process.stdout.read()))
    assert sorted(made) == [0, 10]


def test_extract_of_no_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one image, received none"):
        extract([], [], "hassner", "none", tmp_path)


def test_pace_counts_from_where_a_resumed_job_begins() -> None:
    clock = iter([0.0, 0.0, 10.0]).__next__
    pace = Pace(clock)
    assert pace.describe(1000, 12_194) == "1,000/12,194 images"
    assert pace.describe(1280, 12_194) == "1,280/12,194 images, 28.0 images/s, 6:30 left"


def test_show_progress_prints_lines_where_there_is_no_terminal() -> None:
    output = io.StringIO()
    with show_progress("features", Console(file=output)) as on_progress:
        for done in (0, 1, 2, 3):
            on_progress(done, 3)
    lines = output.getvalue().splitlines()
    assert lines[0] == "features: 0/3 images"
    assert lines[-1].startswith("features: 3/3 images, ")
    assert len(lines) == 2


def test_show_progress_draws_a_bar_on_a_terminal_below_its_label() -> None:
    output = io.StringIO()
    label = f"features of a backbone ({'weights of a file with a long name':>50})"
    with show_progress(label, Console(file=output, force_terminal=True, width=80)) as on_progress:
        on_progress(0, 12_194)
        on_progress(12_194, 12_194)
    assert re.search(r"━ 12,194/12,194 images, [\d,.]+ images/s, 0:00 left", shown(output))
    assert label in shown(output)


def shown(output: io.StringIO) -> str:
    """Returns what was printed, without the sequences that colour it or move the cursor."""
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", output.getvalue())
