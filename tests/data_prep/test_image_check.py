from __future__ import annotations

import hashlib
import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from data_prep.errors import InputError
from data_prep.image_check import BadImage, check_images
from tests.pictures import blobs


def png_of(width: int, height: int) -> bytes:
    """A PNG that declares a size and ends in the middle of its pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 900) + b"IDAT" + zlib.compress(b"0" * 40)


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "JPEG")
    return file.getvalue()


BROKEN = {
    "missing.jpg": (None, "image missing"),
    "empty.jpg": (b"", "image empty"),
    "text.jpg": (b"<html>not found</html>", "not an image"),
    "vector.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image"),
    "cut.jpg": (jpeg()[:-700], "image truncated or damaged"),
    "cut.png": (png_of(90, 90), "image truncated or damaged"),
    "large.png": (png_of(10_000, 10_000), "decompression bomb"),
    "huge.png": (png_of(60_000, 60_000), "decompression bomb"),
}


@pytest.mark.usefixtures("memory_limit")
@pytest.mark.parametrize(("name", "content", "reason"), [(name, *case) for name, case in BROKEN.items()])
def test_check_names_the_reason(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    check = check_images(tmp_path, [name])
    assert (check.digests, check.bad) == ((None,), (BadImage(name, reason),))


def test_check_returns_digests_in_order(tmp_path: Path, draw_picture: Callable[..., None]) -> None:
    names = [f"{shade}.png" for shade in range(5)]
    for shade, name in enumerate(names):
        draw_picture(tmp_path / name, shade)
    check = check_images(tmp_path, names)
    assert check.digests == tuple(
        hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()[:32] for name in names
    )
    assert check.bad == ()


def test_check_does_not_follow_a_link_out_of_the_root(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    draw_picture(tmp_path / "secret.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "root" / "b").symlink_to(tmp_path)
    check = check_images(tmp_path / "root", ["a.png", "b/secret.png"])
    assert check.reasons() == {"image outside the root": 2}


def test_check_follows_links_out_of_the_root_where_asked(
    tmp_path: Path, draw_picture: Callable[..., None]
) -> None:
    draw_picture(tmp_path / "store" / "a.png")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.png").symlink_to(tmp_path / "store" / "a.png")
    assert not check_images(tmp_path / "root", ["a.png"], follow_links=True).bad


def test_check_keeps_what_the_decoder_saw(tmp_path: Path) -> None:
    blobs((40, 20)).convert("L").save(tmp_path / "a.png")
    (image,) = check_images(tmp_path, ["a.png"]).good
    assert (image.width, image.height, image.mode) == (40, 20, "L")


def test_check_refuses_below_the_side_that_is_asked_for(tmp_path: Path) -> None:
    blobs((40, 20)).save(tmp_path / "a.png")
    assert check_images(tmp_path, ["a.png"], min_side=21).reasons() == {"image too small": 1}
    assert not check_images(tmp_path, ["a.png"], min_side=20).bad


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def _make_circle(path: Path) -> None:
    path.symlink_to(path.name)


def _make_long(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)  # of which the disk keeps nothing


SPECIAL = {
    "a pipe": (_make_pipe, "not a regular file"),
    "a socket": (_make_socket, "not a regular file"),
    "a folder": (Path.mkdir, "not a regular file"),
    "links in a circle": (_make_circle, "image unreadable"),
    "a long file": (_make_long, "file too large"),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_check_does_not_wait_for_what_is_no_file_of_an_image(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    make, reason = SPECIAL[kind]
    make(Path("a.jpg"))
    assert check_images(tmp_path, ["a.jpg"]).reasons() == {reason: 1}


def test_check_does_not_read_a_device(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("/dev/zero")
    assert check_images(tmp_path, ["a.jpg"]).reasons() == {"image outside the root": 1}
    assert check_images(tmp_path, ["a.jpg"], follow_links=True).reasons() == {"not a regular file": 1}


def test_check_follows_a_link_within_the_root(tmp_path: Path, draw_picture: Callable[..., None]) -> None:
    draw_picture(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert not check_images(tmp_path, ["b.png"]).bad


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "gif", "tif", "avif", "mpo", "jfif"])
def test_check_accepts_the_formats(tmp_path: Path, draw_picture: Callable[..., None], suffix: str) -> None:
    draw_picture(tmp_path / f"a.{suffix}")
    assert not check_images(tmp_path, [f"a.{suffix}"]).bad


def test_check_calls_back_for_every_image(tmp_path: Path) -> None:
    calls: list[int] = []
    check_images(tmp_path, ["a.jpg", "b.jpg"], on_checked=lambda: calls.append(1))
    assert len(calls) == 2


def test_check_lists_the_first_ten_and_the_count(tmp_path: Path) -> None:
    check = check_images(tmp_path, [f"{number}.jpg" for number in range(12)])
    with pytest.raises(
        InputError, match=r"12 of 12 .*: 0\.jpg \(image missing\).*; 9\.jpg .*; and 2 more; check --root"
    ):
        check.require_all_good()
