"""Photographs that a person names: files, folders, patterns, a manifest, the drawings of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.class_names import GENDERS, are_genders, labels_among, listed, printable
from data_prep.datasets.drawn_sample import draw_faces
from data_prep.errors import InputError
from data_prep.manifest import Manifest
from data_prep.pictures.decoder import SUFFIXES
from search.final_model.model_file import ModelFile
from search.study.facts import DRAWN

DEMO_FACES = 10  # as many as in the report's figure


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """An image to be classified: a file or its bytes, and its label and age group where they are known."""

    name: str
    image: Path | bytes
    label: int | None = None
    age: str | None = None

    @property
    def shown_name(self) -> str:
        """The name as it can be printed."""
        return printable(self.name)


def photographs_named(names: Sequence[str]) -> list[Photograph]:
    """Returns the photographs that `names` stand for, in their order, each file once.

    A name is a file; a folder, for all files below it that are images by their names; or a pattern
    (`*`, `?`, `[…]`, and `**` for any folders) for the files that match. A name that stands for nothing is
    returned as a file, which reading it will find missing.
    Raises InputError where a folder has no image.
    """
    files = dict.fromkeys(path for name in names for path in _files(name))
    return [Photograph(name=str(path), image=path) for path in files]


def photographs_in(manifest: Manifest, class_names: Sequence[str] | None = None) -> list[Photograph]:
    """Returns the rows of the manifest with their age groups, and their labels among `class_names`.

    Those are a model's; None for one whose classes are not known: then the labels are the manifest's.
    Raises InputError where the manifest has another class.
    """
    table = manifest.table
    labels = labels_among(manifest.class_names, class_names or manifest.class_names)
    ages = [age if isinstance(age, str) else None for age in table["age"]]
    return [
        Photograph(name=name, image=path, label=labels[label], age=age)
        for name, path, label, age in zip(
            table["path"].tolist(), manifest.image_paths(), table["label"].tolist(), ages, strict=True
        )
    ]


def drawn_photographs(class_names: Sequence[str] = GENDERS) -> list[Photograph]:
    """Returns ten drawn faces with their labels among `class_names`; nobody of any sample is among them."""
    labels = labels_among(GENDERS, class_names)
    return [
        Photograph(name=f"drawn face {number}", image=face.jpeg, label=labels[face.label])
        for number, face in enumerate(draw_faces(DEMO_FACES), start=1)
    ]


def demo_photographs(model: ModelFile) -> list[Photograph]:
    """Returns ten drawn faces, with labels that `model` knows.

    Raises InputError where its classes are others than those of the faces.
    """
    if not model.facts or model.facts.get("source") == DRAWN:  # whatever its classes are called
        return drawn_photographs()
    if not are_genders(model.label_names):
        raise InputError(
            f"--demo shows drawn faces of the classes {listed(GENDERS)}, the model knows "
            f"{listed(model.label_names)}; give photographs or --manifest"
        )
    return drawn_photographs(model.label_names)


def _files(name: str) -> list[Path]:
    path = Path(name)
    if path.is_dir():
        return _images_below(path)
    if path.exists() or not set(name) & set("*?["):  # a file may have a bracket in its name
        return [path]
    matches = Path(path.anchor).glob(str(path.relative_to(path.anchor)))  # glob takes no absolute pattern
    return sorted(match for match in matches if match.is_file()) or [path]


def _images_below(folder: Path) -> list[Path]:
    images = sorted(path for path in folder.rglob("*") if _is_image(path))
    if not images:
        raise InputError(
            f"the folder {folder} has no file that is an image by its name ({' '.join(SUFFIXES)}); "
            "name another one, or the files themselves"
        )
    return images


def _is_image(path: Path) -> bool:
    # macOS puts a ._photo.jpg beside a photo.jpg
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
