"""What a search needs beside its options, as far as a look tells: a place to write, weights, photographs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from data_prep.manifest import Manifest
from data_prep.storage.remote import address_of, is_file, shown
from search.options.search_options import SearchOptions
from search.study.setup import Problem, are_read
from trainables.backbones.table import find_backbone
from trainables.backbones.weights import is_downloaded
from trainables.trial import Trial

SAMPLE = 100  # photographs that are looked for: on shared storage all would take minutes


def readiness(
    options: SearchOptions, problem: Problem, trials: Sequence[Trial], folder: Path
) -> dict[str, str]:
    """Returns a sentence on each of storage, weights and photographs; `trials` are to be trained.

    Nothing is left behind, and nothing is loaded.
    """
    storage = {"storage": _storage(folder)}
    if not are_read(trials, problem, options.study.cache):
        cached = "the features are in the cache"
        return {**storage, "weights": f"not loaded: {cached}", "photographs": f"none are read: {cached}"}
    weights = _weights(problem.weights, trials)
    return {**storage, "weights": weights, "photographs": _photographs(problem.manifest)}


def _storage(folder: Path) -> str:
    if address := address_of(folder):
        return f"{address} is contacted when the search starts"
    place = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            return f"{place} is writable"
    except OSError as error:
        return f"{place} is NOT writable ({error.strerror}); give another --storage"


def _weights(weights: str, trials: Sequence[Trial]) -> str:
    if weights == "none":
        return "random, nothing is loaded"
    if weights != "imagenet":
        return f"{weights} can be read; whether it fits is known once it is loaded"
    missing = ", ".join(_to_download(trials))
    return (
        f"ImageNet's, {f'those of {missing} are downloaded first' if missing else 'all are on this machine'}"
    )


def _to_download(trials: Sequence[Trial]) -> Iterator[str]:
    """Yields the names of the backbones whose ImageNet weights are not where Keras looks for them."""
    for name in sorted({trial.config.backbone for trial in trials}):
        for part in find_backbone(name).each:
            if part.application and not is_downloaded(part):
                yield part.name


def _photographs(manifest: Manifest) -> str:
    if address_of(manifest.root):
        return f"{len(manifest):,} at an address, which is contacted when they are read"
    paths = manifest.image_paths()
    looked_for = paths[:: -(-len(paths) // SAMPLE)]  # spread over all: a folder that is missing is among them
    missing = [path for path in looked_for if not is_file(path)]
    if missing:
        return (
            f"{len(missing):,} of {len(looked_for):,} that were checked are MISSING, the first is "
            f"{shown(missing[0])}; bring them back, or build the manifest again"
        )
    return f"{len(looked_for):,} of {len(paths):,} were checked, all are there"
