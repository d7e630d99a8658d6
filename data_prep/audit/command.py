"""The command of an audit: its options, and the run that prints it and writes its page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from data_prep.audit.auditing import Features, audit
from data_prep.audit.look_file import look_path, looks_of
from data_prep.audit.page import to_html
from data_prep.command_line.parser import CommandParser
from data_prep.command_line.progress import counted_progress
from data_prep.errors import InputError
from data_prep.manifest import Manifest, read_manifest
from data_prep.splits import Split, make_splits, require_protocol
from data_prep.storage.atomic_files import require_place, write_whole
from data_prep.storage.remote import located

DEFAULT_SPLIT = "random"


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """An audit of the manifest at `manifest`, whose images lie in `root` now, None for where they lay.

    `split` is the protocol across whose sides nothing should be there twice, None for the one that came
    with the data, else `random`. The page is written at `html`. Raises InputError for an unknown protocol
    and where no page can be at `html`.
    """

    manifest: Path
    root: Path | None = None
    split: str | None = None
    html: Path | None = None
    json: bool = False

    def __post_init__(self) -> None:
        if self.split:
            require_protocol(self.split)
        if self.html:
            require_place(self.html)


def add_options(parser: CommandParser) -> None:
    """Adds the options of an audit to `parser`."""
    parser.add_argument(
        "manifest", type=located, metavar="MANIFEST", help="manifest of python -m data_prep.build"
    )
    parser.add_argument(
        "--root", type=located, metavar="DIR", help="folder of the images now (default: as in the manifest)"
    )
    parser.add_argument(
        "--split",
        metavar="PROTOCOL",
        help="split across which no picture should be there twice, as in search.run "
        "(default: the one that came with the data, else random)",
    )
    parser.add_argument("--html", type=Path, metavar="PAGE", help="page to write, with the pictures in it")
    parser.add_json()


def run_audit(
    options: AuditOptions, features_of: Callable[[Manifest], Features | None] = lambda manifest: None
) -> None:
    """Prints the audit that `options` ask for, and writes its page.

    `features_of` gives the features of the manifest's rows, None where there are none. Raises InputError
    where the manifest or a picture cannot be read, or the page not be written.
    """
    manifest = read_manifest(options.manifest, options.root)
    with _progress() as on_looked:
        looks = looks_of(manifest, look_path(options.manifest), on_looked)
    found = audit(manifest, looks, _splits(manifest, options.split), features_of(manifest))
    print(json.dumps(found.to_dict(), indent=2) if options.json else found.to_text())
    if options.html:
        page = to_html(found, options.manifest.name, f"{datetime.now():%d %B %Y, %H:%M}")
        write_whole(options.html, lambda file: file.write(page.encode()))


def _splits(manifest: Manifest, protocol: str | None) -> tuple[Split, ...]:
    if protocol:
        return make_splits(manifest, protocol)
    given = bool(manifest.table["partition"].notna().any())
    try:
        return make_splits(manifest, "given" if given else DEFAULT_SPLIT)
    except InputError:  # nobody asked for a split, and the rest can be told without
        return ()


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    with counted_progress("looking at pictures") as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
