"""Features for an audit: those that a search has left in the cache, or made for it."""

from __future__ import annotations

import sys
from pathlib import Path

from data_prep.audit.auditing import Features
from data_prep.errors import InputError
from data_prep.manifest import Manifest
from trainables.backbones.table import BACKBONES, find_backbone
from trainables.backends import extraction_backend, installed_backend
from trainables.features.cache import find_features
from trainables.process_setup import available_cores, prepare_process


def cached_features(manifest: Manifest, weights: str, cache: Path) -> Features | None:
    """Returns the features of the first of the report's backbones that `cache` has them of, or None."""
    for backbone in BACKBONES:
        if backbone.frozen and (store := find_features(cache, backbone, weights, manifest.image_digests)):
            print(f"note: with the features of {backbone.name}", file=sys.stderr)
            return store.open()
    return None


def made_features(manifest: Manifest, name: str, weights: str, cache: Path) -> Features:
    """Returns the features of the backbone called `name`, made where `cache` does not have them.

    Raises InputError where it is not frozen, and for weights or images that cannot be read.
    """
    if not find_backbone(name).frozen:
        raise InputError(f"an audit needs the features of a frozen backbone, {name} has none; name another")
    from trainables.features.extraction import BATCHES_AT_ONCE, extract, show_progress  # needed only here

    backend = extraction_backend(installed_backend("auto"), gpus=0)
    prepare_process(backend, available_cores(), batches=BATCHES_AT_ONCE)
    with show_progress(f"features of {name}") as on_progress:
        images = manifest.image_paths(), manifest.image_digests
        return extract(*images, name, weights, cache, on_progress=on_progress).open()
