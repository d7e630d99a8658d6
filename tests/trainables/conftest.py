"""Photographs on disk for the tests of images, features and extraction."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@dataclass(frozen=True)
class Photos:
    """Image files and the digests of their bytes."""

    paths: list[Path]
    digests: tuple[str, ...]


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """Returns ten small JPEG photographs that differ."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{number}.jpg" for number in range(10)]
    for path in paths:
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(path)
    return Photos(paths, tuple(hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in paths))
