"""The built-in sample: small drawn trees in the formats of Adience and CelebA, the same for the same seed."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from data_prep.class_names import AGE_GROUPS
from data_prep.datasets.adience import FOLDS
from data_prep.datasets.drawn_faces import HAIR, Traits, draw_face, draw_traits
from data_prep.datasets.labels import DRAWN_HEADLINE, DRAWN_MARKER
from data_prep.errors import InputError

PHOTOS, CELEBA_PHOTOS, DRAWING_SEED = 480, 600, 7
MIN_PHOTOS, MIN_CELEBA_PHOTOS = 40, 20
PHOTOS_PER_SUBJECT = 3.2
ADIENCE_SIZE, CELEBA_SIZE = (120, 120), (89, 109)  # CelebA's 178 x 218 pixels, halved
HAIR_TREE = "hair"
CONTRARY = 0.05  # the share of people whose looks are drawn as the other label's

ADIENCE_HEADER = (
    "user_id\toriginal_image\tface_id\tage\tgender"
    "\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score"
)
ATTRIBUTE_LINE = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair
Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair
Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face
Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair
Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young
"""
_VERSION = 1  # part of the marker: a sample drawn by other code is not taken for this one


@dataclass(frozen=True)
class _Subject:
    user_id: str
    face_id: int
    fold: int
    label: int
    age: str
    traits: Traits


def draw_sample(
    root: Path, *, photos: int = PHOTOS, celeba_photos: int = CELEBA_PHOTOS, seed: int = DRAWING_SEED
) -> Path:
    """Draws `root`/adience and `root`/celeba and returns `root`; the same arguments give the same bytes.

    `photos` faces of about a third as many subjects in five subject-exclusive folds, and `celeba_photos`
    faces with 40 attributes and a partition. A `root` that holds this very sample is left as it is.

    Raises InputError where `photos` is under 40 or `celeba_photos` under 20, where `root` holds anything
    else, or cannot be written.
    """
    _require_at_least("--photos", photos, MIN_PHOTOS)
    _require_at_least("--celeba-photos", celeba_photos, MIN_CELEBA_PHOTOS)
    marker = _marker(photos, celeba_photos, seed)
    if holds_sample(root, marker):
        return root
    if root.is_file() or (root.is_dir() and any(root.iterdir())):
        raise InputError(
            f"{root} holds something else than this sample (photos {photos}, celeba-photos {celeba_photos}, "
            f"seed {seed}); choose an empty or a new folder as --root"
        )
    _draw_whole(root, photos, celeba_photos, seed)
    return root


def draw_hair_sample(root: Path, classes: int, *, photos: int = PHOTOS, seed: int = DRAWING_SEED) -> Path:
    """Draws faces in a folder for each of `classes` colours of hair, and returns `root`/hair.

    There are `photos` of them, as many of each as of another, the same for the same arguments. A `root` that
    holds this very sample is left as it is. Raises InputError as `draw_sample` does, and where there are not
    that many colours.
    """
    if not 2 <= classes <= len(HAIR):
        raise InputError(
            f"--classes must be 2 to {len(HAIR)}, the colours of hair, received {classes}; choose one of them"
        )
    _require_at_least("--photos", photos, MIN_PHOTOS)
    folder, marker = root / HAIR_TREE, _hair_marker(classes, photos, seed)
    if (folder / DRAWN_MARKER).is_file() and (folder / DRAWN_MARKER).read_text(encoding="utf-8") == marker:
        return folder
    if root.is_file() or (root.is_dir() and any(root.iterdir())):
        raise InputError(
            f"{root} holds something else than this sample (classes {classes}, photos {photos}, seed "
            f"{seed}); choose an empty or a new folder as --root"
        )
    with _drawn_beside(root) as partial:
        # 3: streams 0 to 2 are those of the two trees and of faces alone
        _draw_hair(partial / HAIR_TREE, list(HAIR)[:classes], photos, np.random.default_rng([seed, 3]))
        (partial / HAIR_TREE / DRAWN_MARKER).write_text(marker, encoding="utf-8")
    return folder


def _draw_hair(folder: Path, colours: Sequence[str], photos: int, rng: Generator) -> None:
    for number in range(photos):
        colour = colours[number % len(colours)]
        traits = replace(draw_traits(int(rng.integers(2)), rng), hair=colour)
        path = folder / colour / f"{number + 1:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_face(traits, ADIENCE_SIZE, rng).save(path, quality=90)


def _hair_marker(classes: int, photos: int, seed: int) -> str:
    made = {"classes": classes, "photos": photos, "seed": seed, "version": _VERSION}
    return f"{DRAWN_HEADLINE}\nResults on them say nothing about photographs.\n{json.dumps(made)}\n"


@contextlib.contextmanager
def _drawn_beside(root: Path) -> Iterator[Path]:
    """Gives a folder that becomes `root` at the end: a drawing that is killed leaves no half sample."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=root.parent, prefix=f".{root.name}."))
    except OSError as error:
        raise InputError(f"{root} cannot be made ({error.strerror}); choose another --root") from error
    try:
        partial.chmod(0o755)  # mkdtemp made it for its owner alone
        yield partial
        partial.replace(root)
    except OSError as error:
        raise InputError(f"{root} cannot be written ({error.strerror}); choose another --root") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@dataclass(frozen=True)
class DrawnFace:
    """A drawn face by itself: its label (0 female, 1 male) and the bytes of its JPEG file."""

    label: int
    jpeg: bytes


def draw_faces(count: int, seed: int = DRAWING_SEED) -> list[DrawnFace]:
    """Returns `count` faces of the two labels in turn, the same for the same arguments.

    Each is of another person, and none of them is in a sample of any size: they are drawn from a random
    stream of their own, in the size of the Adience tree.
    """
    rng = np.random.default_rng([seed, 2])  # 0 and 1 are the streams of the two trees
    return [_draw_alone(number % 2, rng) for number in range(count)]


def _draw_alone(label: int, rng: Generator) -> DrawnFace:
    file = io.BytesIO()
    face = draw_face(draw_traits(_looks(label, rng), rng), ADIENCE_SIZE, rng)
    face.save(file, "JPEG", quality=90)
    return DrawnFace(label, file.getvalue())


def holds_sample(root: Path, marker: str | None = None) -> bool:
    """Returns whether `root` holds a whole sample: the one of `marker`, or any."""
    markers = [root / tree / DRAWN_MARKER for tree in ("adience", "celeba")]
    if not all(path.is_file() for path in markers):
        return False
    return marker is None or all(path.read_text(encoding="utf-8") == marker for path in markers)


def _draw_whole(root: Path, photos: int, celeba_photos: int, seed: int) -> None:
    marker = _marker(photos, celeba_photos, seed)
    try:
        with _drawn_beside(root) as partial, ThreadPoolExecutor() as pool:
            first, second = (np.random.default_rng([seed, stream]) for stream in (0, 1))
            adience = pool.submit(_draw_adience, partial / "adience", photos, first)
            celeba = pool.submit(_draw_celeba, partial / "celeba", celeba_photos, second)
            adience.result()
            celeba.result()
            for tree in ("adience", "celeba"):
                (partial / tree / DRAWN_MARKER).write_text(marker, encoding="utf-8")
    except InputError:
        if not holds_sample(root, marker):  # another process may have drawn the same meanwhile
            raise


def _marker(photos: int, celeba_photos: int, seed: int) -> str:
    made = {"photos": photos, "celeba_photos": celeba_photos, "seed": seed, "version": _VERSION}
    return f"{DRAWN_HEADLINE}\nResults on them say nothing about photographs.\n{json.dumps(made)}\n"


def _draw_adience(folder: Path, photos: int, rng: Generator) -> None:
    subjects = _subjects(max(2 * FOLDS, round(photos / PHOTOS_PER_SUBJECT)), rng)
    # everybody once, then at random: most subjects have several photos, some only one
    again = rng.integers(len(subjects), size=photos - len(subjects))
    shown = np.sort(np.concatenate([np.arange(len(subjects)), again]))
    lines: dict[int, list[str]] = {fold: [ADIENCE_HEADER] for fold in range(FOLDS)}
    for number, owner in enumerate(shown):
        subject = subjects[owner]
        # Flickr's number and secret, which Adience's names are made of
        image = f"{7_300_000_000 + 13 * number}_{rng.integers(16**10):010x}_o.jpg"
        path = folder / "aligned" / subject.user_id / f"landmark_aligned_face.{subject.face_id}.{image}"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_face(subject.traits, ADIENCE_SIZE, rng).save(path, quality=90)
        lines[subject.fold].append(_adience_line(subject, image, rng))
    for fold, rows in lines.items():
        (folder / f"fold_frontal_{fold}_data.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _subjects(count: int, rng: Generator) -> list[_Subject]:
    subjects = []
    for number in range(count):
        # two people of a fold are of one user, as in Adience: a subject is the user and the face
        fold, within_fold = number % FOLDS, number // FOLDS
        user = fold + FOLDS * (within_fold // 2)
        label = within_fold % 2
        subjects.append(
            _Subject(
                user_id=f"{31_000_000 + 1_731 * user}@N{user % 10:02d}",
                face_id=number + 1,
                fold=fold,
                label=label,
                age=AGE_GROUPS[rng.choice(len(AGE_GROUPS), p=(0.08, 0.1, 0.1, 0.1, 0.28, 0.16, 0.1, 0.08))],
                traits=draw_traits(_looks(label, rng), rng),
            )
        )
    return subjects


def _looks(label: int, rng: Generator) -> int:
    return 1 - label if rng.random() < CONTRARY else label


def _adience_line(subject: _Subject, image: str, rng: Generator) -> str:
    x, y, size = rng.integers(0, 900), rng.integers(0, 700), rng.integers(200, 1200)
    gender = "fm"[subject.label]
    fields = (subject.user_id, image, subject.face_id, subject.age, gender, x, y, size, size, 0, 0)
    return "\t".join(str(field) for field in (*fields, rng.integers(20, 200)))


def _draw_celeba(folder: Path, photos: int, rng: Generator) -> None:
    images = folder / "img_align_celeba"
    images.mkdir(parents=True)
    rows, partition, attributes = [], [], ATTRIBUTE_LINE.split()
    for number in range(1, photos + 1):
        name, label = f"{number:06d}.jpg", int(rng.random() < 0.42)
        traits = draw_traits(_looks(label, rng), rng)
        draw_face(traits, CELEBA_SIZE, rng).save(images / name, quality=90)
        present = _attributes(label, traits)
        signs = (" 1" if attribute in present else "-1" for attribute in attributes)
        rows.append(" ".join((name, *signs)))
        partition.append(f"{name} {_partition(number, photos)}")
    # the original's line of names ends with a blank, and its values are padded to two columns
    text = "\n".join([str(photos), " ".join(attributes) + " ", *rows])
    (folder / "list_attr_celeba.txt").write_text(text + "\n", encoding="utf-8")
    (folder / "list_eval_partition.txt").write_text("\n".join(partition) + "\n", encoding="utf-8")


def _attributes(label: int, traits: Traits) -> set[str]:
    present = {
        "Male": label == 1,
        "No_Beard": not traits.beard,
        "Goatee": traits.beard > 0.7,
        "5_o_Clock_Shadow": 0 < traits.beard <= 0.7,
        "Wearing_Lipstick": traits.lipstick,
        "Heavy_Makeup": traits.lipstick,
        "Wearing_Earrings": traits.earrings,
        "Bushy_Eyebrows": traits.brow > 0.6,
        "Straight_Hair": traits.hair_length > 0.2,
        "Oval_Face": traits.jaw < 0.4,
        f"{traits.hair.title()}_Hair": True,
        "Young": traits.hair != "gray",
    }
    return {name for name, holds in present.items() if holds}


def _partition(number: int, photos: int) -> int:
    return 0 if number <= 0.8 * photos else 1 if number <= 0.9 * photos else 2


def _require_at_least(option: str, received: int, least: int) -> None:
    if received < least:
        raise InputError(f"{option} must be at least {least}, received {received}; use a larger number")
