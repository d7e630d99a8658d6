"""Loading of the data set that a build names: its loader, with the options that are its own."""

from __future__ import annotations

from pathlib import Path

from data_prep.arguments import BuildOptions
from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import GENDER_ATTRIBUTE, load_celeba
from data_prep.datasets.drawn_sample import HAIR_TREE, draw_hair_sample, draw_sample, holds_sample
from data_prep.datasets.fairface import ATTRIBUTES, load_fairface
from data_prep.datasets.folder import load_folder
from data_prep.datasets.image_files import NOT_UTF8
from data_prep.datasets.labels import Labels
from data_prep.datasets.utkface import load_utkface
from data_prep.errors import InputError


def load(options: BuildOptions) -> Labels:
    """Returns the labels of the data set that `options` name, before any image is opened.

    Raises InputError as its loader does, and for names of images that no manifest can hold, unless images
    that cannot be used are left out.
    """
    labels = _load(options)
    if not options.skip_bad_images:
        _require_names(labels)
    return labels


def _load(options: BuildOptions) -> Labels:
    root, look = options.root, options.look_for_images
    match options.dataset:
        case "adience":
            return load_adience(
                root,
                target=options.target,
                yaw=options.yaw,
                group=options.group,
                on_conflict=options.on_conflict,
                look_for_images=look,
            )
        case "celeba":
            return load_celeba(
                root,
                attribute=options.attribute or GENDER_ATTRIBUTE,
                part=options.part,
                test_share=options.test_share,
                seed=options.seed,
                on_conflict=options.on_conflict,
            )
        case "folder":
            return load_folder(root, rules=options)
        case "utkface":
            return load_utkface(root, options)
        case "fairface":
            attribute = options.attribute or ATTRIBUTES[0]
            return load_fairface(root, attribute=attribute, rules=options)
        case _:
            if options.drawn_classes:
                return _hair(options, options.drawn_classes)
            _require_sample(options)
            return load_adience(root / "adience", look_for_images=look)


def _require_names(labels: Labels) -> None:
    count = labels.dropped.get(NOT_UTF8, 0)
    if count:
        first = ", ".join(labels.first_dropped[NOT_UTF8])
        raise InputError(
            f"{count:,} images have a {NOT_UTF8}: {first}; rename them (for Latin-1: "
            "convmv -f latin1 -t utf8 -r --notest DIR), or pass --skip-bad-images to go on without them"
        )


def _hair(options: BuildOptions, classes: int) -> Labels:
    folder = options.root / HAIR_TREE
    if not options.look_for_images:
        _require_drawn(options.root, folder.is_dir())
    else:
        draw_hair_sample(options.root, classes, photos=options.photos, seed=options.seed)
    return load_folder(folder)


def _require_sample(options: BuildOptions) -> None:
    if not options.look_for_images:
        _require_drawn(options.root, holds_sample(options.root))
    else:
        draw_sample(
            options.root, photos=options.photos, celeba_photos=options.celeba_photos, seed=options.seed
        )


def _require_drawn(root: Path, is_there: bool) -> None:
    if not is_there:
        raise InputError(f"{root} holds no sample to count; leave out --labels-only to draw one")
