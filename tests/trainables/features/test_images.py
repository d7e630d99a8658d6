"""One decoder for every kind of image file, and batches decoded ahead."""

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.errors import InputError
from tests.pictures import blobs, encoded
from trainables.features.images import Reading, decode, load_batches, read_square


def test_decode_gives_a_square_of_bytes() -> None:
    pixels = decode(encoded(blobs((40, 30))), 8)
    assert (pixels.shape, pixels.dtype) == ((8, 8, 3), np.uint8)


def test_read_square_has_the_size_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    square = read_square(encoded(blobs((40, 30)), "TIFF", exif=exif), 8)
    assert (square.width, square.height) == (30, 40)


def test_decode_scales_a_large_jpeg_like_its_full_size() -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((816, 816), Image.Resampling.BICUBIC)
    exact = np.asarray(photo.resize((224, 224), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decode(encoded(photo, "JPEG", quality=95), 224) - exact).mean() < 1.5


def test_decode_refuses_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(encoded(blobs(), "JPEG")[:-300])
    with pytest.raises(InputError, match=r"face\.jpg is not an image that can be read whole .*truncated"):
        decode(path, 8)


def test_decode_does_not_judge_again_what_a_build_has_accepted(tmp_path: Path) -> None:
    Image.fromarray(np.arange(75, dtype=np.uint8).reshape(5, 5, 3)).save(tmp_path / "icon.png")
    with pytest.raises(InputError, match="must have 16 pixels"):
        decode(tmp_path / "icon.png", 8)
    assert decode(tmp_path / "icon.png", 8, is_accepted=True).shape == (8, 8, 3)


def test_decode_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jpg cannot be read \(No such file"):
        decode(tmp_path / "gone.jpg", 8)


def test_load_batches_keeps_the_order_and_ends_with_a_shorter_batch(photos) -> None:
    batches = list(load_batches(photos.paths, 16, 4, workers=3, digests=photos.digests))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert (np.concatenate(batches) == [decode(path, 16) for path in photos.paths]).all()


def test_load_batches_names_a_file_that_has_changed(photos) -> None:
    Image.new("RGB", (8, 8)).save(photos.paths[7])
    with pytest.raises(InputError, match=r"7\.jpg has changed since the manifest was built; build"):
        list(load_batches(photos.paths, 16, 4, digests=photos.digests))


def test_load_batches_judges_what_no_build_has_accepted(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "even.png")
    with pytest.raises(InputError, match=r"sides .* must have 16 pixels, .*even\.png declares 8 x 8"):
        list(load_batches([tmp_path / "even.png"], 16, 4))
    digest = hashlib.sha256((tmp_path / "even.png").read_bytes()).hexdigest()
    assert len(list(load_batches([tmp_path / "even.png"], 16, 4, digests=[digest]))) == 1


def test_nearest_is_the_resize_of_kerass_generators(tmp_path: Path) -> None:
    blobs((700, 500)).save(tmp_path / "a.jpg")
    (batch,) = load_batches([tmp_path / "a.jpg"], 64, 1, resize="nearest")
    with Image.open(tmp_path / "a.jpg") as image:  # as keras.utils.load_img does
        assert (batch[0] == np.asarray(image.resize((64, 64), Image.Resampling.NEAREST))).all()


@pytest.mark.parametrize("reading", [Reading(), Reading("nearest"), Reading(deep_greys=True)])
def test_reading_is_told_by_its_name(reading: Reading) -> None:
    assert Reading.named(reading.name) == reading


def test_load_batches_leaves_no_thread_behind_when_it_is_left(photos) -> None:
    batches = load_batches(photos.paths, 16, 2, workers=2)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
