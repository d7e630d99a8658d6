"""One decoder for every kind of image file, and batches decoded ahead."""

import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.errors import InputError
from trainables.features.images import decode, load_batches

RED, WHITE = (255, 0, 0), (255, 255, 255)


def _bytes(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _animation() -> bytes:
    frames = [Image.new("RGB", (6, 6), color) for color in ("red", "blue")]
    return _bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("content", "pixel"),
    [
        pytest.param(lambda: _bytes(Image.new("RGB", (6, 6), "red")), RED, id="RGB"),
        pytest.param(lambda: _bytes(Image.new("L", (6, 6), 90)), (90, 90, 90), id="grey"),
        pytest.param(lambda: _bytes(Image.new("1", (6, 6), 1)), WHITE, id="bitmap"),
        pytest.param(lambda: _bytes(Image.new("I;16", (6, 6), 65535)), WHITE, id="16 bits"),
        pytest.param(lambda: _bytes(Image.new("CMYK", (6, 6), (0, 255, 255, 0)), "TIFF"), RED, id="CMYK"),
        pytest.param(lambda: _bytes(Image.new("RGB", (6, 6), "red").quantize(2)), RED, id="palette"),
        pytest.param(lambda: _bytes(Image.new("RGBA", (6, 6), (255, 0, 0, 0))), WHITE, id="transparent"),
        pytest.param(
            lambda: _bytes(Image.new("P", (6, 6), 0), transparency=0), WHITE, id="transparent palette"
        ),
        pytest.param(_animation, RED, id="animated"),
    ],
)
def test_decode_gives_rgb_of_every_kind(content: Callable[[], bytes], pixel: tuple[int, int, int]) -> None:
    pixels = decode(content(), 4)
    assert (pixels.shape, pixels.dtype) == ((4, 4, 3), np.uint8)
    assert (pixels == pixel).all()


def test_decode_cmyk_jpeg() -> None:
    pixels = decode(_bytes(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), 8)
    assert np.abs(pixels.astype(int) - RED).max() < 8


def test_decode_applies_the_exif_orientation() -> None:
    image = Image.new("RGB", (8, 8), "white")
    image.paste("red", (0, 0, 8, 4))  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    pixels = decode(_bytes(image, exif=exif), 8)
    assert (pixels[:, 4:] == RED).all()
    assert (pixels[:, :4] == WHITE).all()


def test_decode_scales_a_large_jpeg_like_its_full_size() -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    photo = Image.fromarray(coarse).resize((816, 816), Image.Resampling.BICUBIC)
    exact = np.asarray(photo.resize((224, 224), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(decode(_bytes(photo, "JPEG", quality=95), 224) - exact).mean() < 1.5


@pytest.mark.usefixtures("memory_limit")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not an image", r"face\.jpg is not an image that can be read whole"),
        (b"", r"face\.jpg is not an image that can be read whole"),
        (_bytes(Image.effect_noise((64, 64), 50), "JPEG")[:600], r"face\.jpg is not an image .*truncated"),
        (_bytes(Image.new("F", (4, 4)), "TIFF"), r"face\.jpg .*floating-point pixels have no known range"),
        (_bytes(Image.new("1", (9500, 9500))), r"face\.jpg"),
        (_bytes(Image.new("1", (14000, 14000))), r"face\.jpg is refused: Image size"),
    ],
    ids=["text", "empty", "truncated", "floats", "large", "bomb"],
)
def test_decode_refuses(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "face.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        decode(path, 8)


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


def test_load_batches_leaves_no_thread_behind_when_it_is_left(photos) -> None:
    batches = load_batches(photos.paths, 16, 2, workers=2)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]
