"""python -m data_prep.build: label files and images become a manifest."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from data_prep.arguments import BuildOptions, parse_options
from data_prep.audit.building import audited
from data_prep.audit.look_file import look_path, write_looks
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.names import shown_name
from data_prep.command_line.progress import counted_progress
from data_prep.datasets.labels import Labels
from data_prep.datasets.tally import Tally
from data_prep.image_check import BadImage, GoodImage, ImageCheck, check_images
from data_prep.loading import load
from data_prep.manifest import Manifest, require_writable, write_manifest
from data_prep.pictures.decoder import MIN_SIDE
from data_prep.summary import Summary


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 failed, told in one line, 2 wrong usage, 130 interrupted."""
    return exit_code(lambda: _build(argv))


def _build(argv: Sequence[str] | None) -> None:
    options = parse_options(argv)
    summary = _run(options)
    print(json.dumps(summary.to_dict(), indent=2) if options.json else summary.to_text())


def build_manifest(
    labels: Labels,
    out: Path,
    *,
    skip_bad_images: bool = False,
    min_side: int = MIN_SIDE,
    follow_links: bool = False,
    alike: str | None = None,
) -> Summary:
    """Returns the counts of the manifest that it writes at `out`, after a check of every image of `labels`.

    An image must have `min_side` pixels a side; with `follow_links` it may lie outside the root by a link.
    With `skip_bad_images` images that cannot be used are left out, counted, and listed in a text file
    beside the manifest (`skipped_path`). `alike` is TOGETHER or APART where somebody has said whether splits
    keep equal and near-equal images on one side (`audited`).

    Raises InputError for images that cannot be used and are not left out, where none is left, and where `out`
    cannot be written.
    """
    require_writable(out)  # here too, for callers that do not come by the command line
    with _progress(len(labels.table)) as advance:
        check = check_images(
            labels.root,
            labels.table["path"].tolist(),
            min_side=min_side,
            follow_links=follow_links,
            on_checked=advance,
        )
    if not skip_bad_images:
        check.require_all_good()
    good = _without_bad(labels, check)  # raises where none is left
    manifest = Manifest.of(
        good.table,
        labels.root,
        [image.digest for image in check.good],
        class_names=labels.class_names,
        group_kind=labels.group_kind,
    )
    looks = {image.digest: image.look for image in check.good}
    manifest, audit = audited(manifest, [image.look for image in check.good], alike)
    write_manifest(manifest, out)
    write_looks(look_path(out), looks)
    _record_skipped(check.bad, skipped_path(out))
    return Summary(labels=good, digest=manifest.digest, manifest=out.absolute(), audit=tuple(audit.short()))


def skipped_path(out: Path) -> Path:
    """Returns the path of the list of the images that the manifest `out` leaves out."""
    return out.with_suffix(".skipped.txt")


def _run(options: BuildOptions) -> Summary:
    out = options.out if options.look_for_images else None
    if out:
        require_writable(out)  # before the images, whose check takes minutes
    labels = load(options)
    for note in labels.notes:
        print(f"note: {note}", file=sys.stderr)
    if out:
        return build_manifest(
            labels,
            out,
            skip_bad_images=options.skip_bad_images,
            min_side=options.min_side,
            follow_links=options.follow_links,
            alike=options.alike,
        )
    if options.out:
        print(f"note: with --labels-only {options.out} is not written", file=sys.stderr)
    return Summary(labels=labels)


def _without_bad(labels: Labels, check: ImageCheck) -> Labels:
    good = [isinstance(image, GoodImage) for image in check.images]
    table = labels.table[good].assign(
        width=[image.width for image in check.good],
        height=[image.height for image in check.good],
        mode=[image.mode for image in check.good],
    )
    bad = Tally()
    for image in check.bad:
        bad.add(image.reason, image.path)
    return replace(
        labels,
        table=table,
        dropped={**labels.dropped, **bad.counts},
        first_dropped={**labels.first_dropped, **bad.first},
    )


def _record_skipped(bad: Sequence[BadImage], path: Path) -> None:
    if not bad:
        path.unlink(missing_ok=True)  # what an earlier build left out is in this one
        return
    path.write_text("".join(f"{shown_name(image.path)}\t{image.reason}\n" for image in bad), encoding="utf-8")
    print(f"note: {len(bad):,} images are left out, listed in {path}", file=sys.stderr)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    with counted_progress("checking images") as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


if __name__ == "__main__":
    sys.exit(main())
