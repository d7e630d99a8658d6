"""python -m data_prep.build: label files and images become a manifest."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from data_prep.arguments import parse_arguments
from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.datasets.adience import load_adience
from data_prep.datasets.celeba import load_celeba
from data_prep.datasets.drawn_sample import draw_sample, holds_sample
from data_prep.datasets.folder import load_folder
from data_prep.datasets.labels import Labels
from data_prep.errors import InputError
from data_prep.image_check import BadImage, ImageCheck, check_images
from data_prep.manifest import Manifest, require_writable, write_manifest
from data_prep.summary import Summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted."""
    return exit_code(lambda: _build(argv))


def _build(argv: Sequence[str] | None) -> None:
    arguments = parse_arguments(argv)
    summary = _run(arguments)
    print(json.dumps(summary.to_dict(), indent=2) if arguments.json else summary.to_text())


def build_manifest(labels: Labels, out: Path, *, skip_bad_images: bool = False) -> Summary:
    """Checks every image of `labels`, writes the manifest at `out` and returns the counts.

    With `skip_bad_images` images that cannot be used are left out, counted, and listed in a text file
    beside the manifest (`skipped_path`). Raises InputError for such images otherwise, where none is left,
    and where `out` cannot be written.
    """
    require_writable(out)
    with _progress(len(labels.table)) as advance:
        check = check_images(labels.root, labels.table["path"].tolist(), on_checked=advance)
    if not skip_bad_images:
        check.require_all_good()
    good = _without_bad(labels, check)
    manifest = Manifest.of(good.table, labels.root, [digest for digest in check.digests if digest])
    write_manifest(manifest, out)
    _record_skipped(check.bad, skipped_path(out))
    return _summary(good, manifest.digest, out.absolute())


def skipped_path(out: Path) -> Path:
    """Returns where the images left out of the manifest `out` are listed."""
    return out.with_suffix(".skipped.txt")


def _run(arguments: argparse.Namespace) -> Summary:
    if arguments.out is not None and not arguments.labels_only:
        require_writable(arguments.out)
    labels = _load(arguments)
    for note in labels.notes:
        print(f"note: {note}", file=sys.stderr)
    if arguments.labels_only:
        if arguments.out is not None:
            print(f"note: with --labels-only {arguments.out} is not written", file=sys.stderr)
        return _summary(labels, None, None)
    return build_manifest(labels, arguments.out, skip_bad_images=arguments.skip_bad_images)


def _load(arguments: argparse.Namespace) -> Labels:
    look = not arguments.labels_only
    match arguments.dataset:
        case "adience":
            return load_adience(arguments.root, yaw=arguments.yaw, look_for_images=look)
        case "celeba":
            return load_celeba(
                arguments.root, part=arguments.part, test_share=arguments.test_share, seed=arguments.seed
            )
        case "folder":
            return load_folder(arguments.root, csv=arguments.csv)
        case _:
            return _load_sample(arguments)


def _load_sample(arguments: argparse.Namespace) -> Labels:
    if arguments.labels_only and not holds_sample(arguments.root):
        raise InputError(f"{arguments.root} holds no sample to count; leave out --labels-only to draw one")
    if not arguments.labels_only:
        draw_sample(
            arguments.root,
            photos=arguments.photos,
            celeba_photos=arguments.celeba_photos,
            seed=arguments.seed,
        )
    return load_adience(arguments.root / "adience", look_for_images=not arguments.labels_only)


def _summary(labels: Labels, digest: str | None, manifest: Path | None) -> Summary:
    return Summary(
        table=labels.table,
        rows_read=labels.rows_read,
        dropped=labels.dropped,
        subjects=labels.subjects,
        digest=digest,
        manifest=manifest,
    )


def _without_bad(labels: Labels, check: ImageCheck) -> Labels:
    good = [digest is not None for digest in check.digests]
    return replace(labels, table=labels.table[good], dropped={**labels.dropped, **check.reasons()})


def _record_skipped(bad: Sequence[BadImage], path: Path) -> None:
    if not bad:
        path.unlink(missing_ok=True)  # what an earlier build left out is in this one
        return
    path.write_text("".join(f"{image.path}\t{image.reason}\n" for image in bad), encoding="utf-8")
    print(f"note: {len(bad):,} images are left out, listed in {path}", file=sys.stderr)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    console = text_console(stderr=True)
    columns = (TextColumn("checking images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


if __name__ == "__main__":
    sys.exit(main())
