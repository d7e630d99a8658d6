"""Tiny data sets in the real on-disk formats, made anew for every test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from data_prep.manifest import Manifest

ADIENCE_HEADER = (
    "user_id\toriginal_image\tface_id\tage\tgender"
    "\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score"
)
REAL = Path(__file__).parents[3] / "shared" / "real"

AdienceRow = tuple[str, str, str, str, int]
"""user_id, original_image, face_id, gender, yaw."""


@pytest.fixture
def real_data() -> Path:
    """The folder of real label files and faces beside the repository."""
    if not REAL.is_dir():
        pytest.skip(f"real data is not beside the repository ({REAL.name})")
    return REAL


@pytest.fixture
def draw_picture() -> Callable[[Path, int], None]:
    """Writes a picture of 16 x 16 pixels, the left half of one shade of grey."""

    def draw(path: Path, shade: int = 90) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (16, 16), "white")
        picture.paste((shade, shade, shade), (0, 0, 8, 16))
        picture.save(path)

    return draw


@pytest.fixture
def write_fold() -> Callable[..., Path]:
    """Writes one fold file of Adience with the given rows."""

    def write(
        root: Path,
        rows: Sequence[AdienceRow],
        *,
        name: str = "fold_frontal_0_data.txt",
        ages: Sequence[str] = (),
    ) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        lines = [ADIENCE_HEADER]
        of_rows = ages or ["(25, 32)"] * len(rows)
        for (user, image, face, gender, yaw), age in zip(rows, of_rows, strict=True):
            lines.append("\t".join([user, image, face, age, gender, *"12345", str(yaw), "7"]))
        (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return root / name

    return write


@pytest.fixture
def adience_tree(
    tmp_path: Path,
    write_fold: Callable[..., Path],
    draw_picture: Callable[..., None],
) -> Path:
    """Five frontal fold files, two subjects a fold (one of each label), two photos a subject."""
    root = tmp_path / "adience"
    for fold in range(5):
        rows = []
        for gender in "fm":
            user, face = f"{fold}{gender}@N00", f"{fold}{'fm'.index(gender)}"
            for photo in "ab":
                rows.append((user, f"{photo}.jpg", face, gender, 0))
                draw_picture(root / f"aligned/{user}/landmark_aligned_face.{face}.{photo}.jpg", 20 * fold)
        write_fold(root, rows, name=f"fold_frontal_{fold}_data.txt")
    return root


@pytest.fixture
def class_folders(tmp_path: Path, draw_picture: Callable[..., None]) -> Path:
    """The folders female and male, three pictures in each."""
    root = tmp_path / "photos"
    for name in ("female", "male"):
        for number in range(3):
            draw_picture(root / name / f"{number}.png", 40 * number)
    return root


@pytest.fixture
def made_manifest(tmp_path: Path) -> Callable[..., Manifest]:
    """Makes a manifest: `subjects` of both labels in turn, each with `photos` rows."""

    def make(
        subjects: int = 20,
        photos: int = 3,
        folds: int = 5,
        *,
        class_names: Sequence[str] = ("cat", "dog"),
        group_kind: str = "",
        **columns: object,
    ) -> Manifest:
        owners = [number for number in range(subjects) for _ in range(photos)]
        table = pd.DataFrame(
            {
                "path": [f"{number}.jpg" for number in range(len(owners))],
                "label": [owner % 2 for owner in owners],
                "subject": [f"s{owner}" for owner in owners],
                "fold": [owner // 2 % folds for owner in owners],
                "age": None,
                "source": "folder",
            }
        ).assign(**columns)
        digests = [f"{number:032x}" for number in range(len(owners))]
        return Manifest.of(table, tmp_path, digests, class_names=class_names, group_kind=group_kind)

    return make
