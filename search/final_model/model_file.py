"""A finished model on disk: the file itself, and what its record says it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.class_names import require_class_names
from data_prep.digests import digest_of_file
from data_prep.errors import InputError
from data_prep.storage.json_files import damaged, read_json
from search.study.descriptions import weights_in_words
from search.study.facts import read_facts
from search.study.formats import MODEL
from search.study.layout import Layout
from search.study.study import Study

SUFFIX = ".keras"
UNNAMED = ("0", "1")


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A `.keras` file: its labels' names in order, and the facts beside it, none for a bare file.

    The facts are those of `model.json`, and the source of the data from the study that the file lies in.
    """

    path: Path
    label_names: tuple[str, ...] = UNNAMED
    facts: Mapping[str, Any]

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences that a reader of its predictions must know of the model."""
        if not self.facts:
            return (
                "there is no model.json beside the model, so nothing is known of the data and the weights "
                "that it was made of",
            )
        reasons = (
            *(["it was trained on drawn faces"] * (self.facts.get("source") == "sample")),
            *(["its backbone has random weights"] * (self.facts.get("weights") == "none")),
        )
        return (f"the model says nothing about photographs: {' and '.join(reasons)}",) if reasons else ()

    @property
    def calibration(self) -> str:
        """What its probabilities are, in a sentence; empty where that is not known."""
        found = self.facts.get("calibration")
        return str(found["statement"]) if found else ""

    def describe(self) -> str:
        """Returns what the model was made of, in one line."""
        config = self.facts.get("config") or {}
        weights, digest, split = (self.facts.get(name) for name in ("weights", "data_digest", "split"))
        said = (
            str(config.get("backbone", "")),
            weights_in_words(str(weights)) if weights else "",
            f"data {digest}" if digest else "",
            f"split {split}" if split else "",
        )
        return ", ".join(part for part in said if part)


def find_model(name: str, storage: Path) -> ModelFile:
    """Returns the model at the path `name`, or of the study called so, which has it as winner/model.keras.

    Raises InputError where there is none, and where its record is damaged.
    """
    path = Path(name)
    # a wrong path is told as a path, and not looked for as a study
    if path.suffix == SUFFIX or path.is_file():
        return _read(path.absolute())
    if (path / f"model{SUFFIX}").is_file():
        return _read((path / f"model{SUFFIX}").absolute())
    study = Study.find(name, storage)
    path = study.layout.model
    if not path.is_file():
        raise InputError(
            f"the study {study.folder} has no final model {path.relative_to(study.folder)}; "
            "make it with python -m search.run --stage finetune"
        )
    return _read(path)


def _read(path: Path) -> ModelFile:
    if not path.is_file():
        raise InputError(f"there is no model file {path}; give a {SUFFIX} file or a study that has one")
    record = path.with_suffix(".json")
    try:
        facts = read_json(record, MODEL)
        names = tuple(facts["labels"][str(label)] for label in range(len(facts["labels"])))
        require_class_names(names)
    except FileNotFoundError:
        return ModelFile(path=path, facts={})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(record, error, "restore it, or move the model away from it") from error
    if facts.get("model_digest", "") not in ("", digest_of_file(path)):  # records of before had none
        raise InputError(
            f"{path} is damaged (its digest is not the one in {record.name}); "
            "python -m search.run --stage finetune writes it again"
        )
    # records of before did not name the source
    return ModelFile(path=path, label_names=names, facts={"source": _source(path.parents[1]), **facts})


def _source(study: Path) -> str | None:
    return read_facts(study).source if Layout(study).facts.is_file() else None
