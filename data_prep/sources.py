"""Sources of the data of a search: a manifest that was built, or the built-in sample of drawn faces."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import load_celeba
from data_prep.datasets.labels import Labels
from data_prep.manifest import Manifest, read_manifest

SAMPLE = Path("data/sample")


def manifest_of(path: Path | None, root: Path | None = None) -> Manifest:
    """Returns the manifest at `path`; for None that of the sample, which is drawn where it is missing.

    `root` is where its images lie now, None for where they lay.
    """
    if path is not None:
        return read_manifest(path, root)
    return _of_sample("adience", load_adience, SAMPLE.with_suffix(".parquet"))


def celeba_of(path: Path, root: Path | None = None) -> Manifest:
    """Returns the manifest of the images to pretrain on; "sample" is the drawn CelebA of the sample."""
    if str(path) == SAMPLE.name:
        return _of_sample("celeba", load_celeba, SAMPLE.with_name(f"{SAMPLE.name}-celeba.parquet"))
    return read_manifest(path, root)


def has_to_draw(path: Path | None) -> bool:
    """Returns whether `manifest_of` will draw the sample, for some seconds."""
    return path is None and not SAMPLE.exists()


def default_name(path: Path | None) -> str:
    """Returns the name of a study of the manifest at `path` that was given none."""
    return SAMPLE.name if path is None else path.stem


def _of_sample(part: str, load: Callable[[Path], Labels], path: Path) -> Manifest:
    from data_prep.datasets.drawn_sample import draw_sample  # which draws on what others never use

    draw_sample(SAMPLE.absolute())
    if not path.is_file():
        from data_prep.build import build_manifest  # slow, with its audit: most have a manifest

        build_manifest(load(SAMPLE / part), path)
        print(f"the built-in sample of drawn faces is now in {SAMPLE}", file=sys.stderr)
    return read_manifest(path)
