"""The files of a report: index.html, report.md and figures/*.png in one folder."""

from __future__ import annotations

from pathlib import Path

from data_prep.errors import InputError
from data_prep.storage.atomic_files import write_whole
from search.report.contents import report_on
from search.report.document import Document
from search.report.render.drawing import drawings_of, picture
from search.report.render.html import to_html
from search.report.render.markdown import to_markdown
from search.space.stages import STAGES
from search.study.snapshot import Snapshot


def write_report(snapshot: Snapshot, out: Path, made_on: str) -> Path:
    """Writes the report on a study below `out`, and returns the path of its index.html.

    Beside it come report.md and figures/*.png; nothing else is written or changed. The report names the
    files that could not be read. The same snapshot and `made_on` give the same bytes.
    Raises InputError where no finished stage can be read, and where `out` cannot be written.
    """
    if not snapshot.results:
        damaged = f" ({'; '.join(snapshot.unread)})" if snapshot.unread else ""
        raise InputError(
            f"a report needs a finished stage, the study {snapshot.folder} has none{damaged}; "
            f"run python -m search.run --stage {next(iter(STAGES))} --study {snapshot.name} first"
        )
    document = report_on(snapshot, made_on)
    try:
        _write_document(document, out)
    except OSError as error:
        raise InputError(
            f"the report cannot be written in {out} ({error.strerror}); give another folder with --out"
        ) from error
    return out / "index.html"


def _write_document(document: Document, out: Path) -> None:
    (out / "figures").mkdir(parents=True, exist_ok=True)
    drawings = drawings_of(document)
    for name, drawing in drawings.items():
        _write(out / "figures" / f"{name}.png", picture(drawing))
    for photo in document.photos():
        _write(out / "figures" / f"{photo.name}.png", photo.png)
    _write(out / "report.md", to_markdown(document).encode())
    # last, so that whoever finds the page finds its figures, too
    _write(out / "index.html", to_html(document, drawings).encode())


def _write(path: Path, content: bytes) -> None:
    write_whole(path, lambda file: file.write(content))
