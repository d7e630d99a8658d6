"""python -m search.predict: what a finished model says of photographs."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from data_prep.manifest import read_manifest
from data_prep.storage.atomic_files import require_place
from data_prep.storage.remote import located
from search.final_model.model_file import ModelFile, find_model
from search.options.types import STORAGE, add_model
from search.prediction.classification import (
    Classification,
    classify_photographs,
    print_classification,
    print_notes,
)
from search.prediction.evaluation import unseen_images
from search.prediction.photographs import Photograph, demo_photographs, photographs_in, photographs_named
from search.prediction.predictions import write_csv

WHOLE, DETECT = "as-is", "detect"
_EPILOG = """\
examples:
  python -m search.predict STUDY --demo --out grid.png
  python -m search.predict STUDY ann.jpg holiday/ 'more/**/*.jpg' --csv all.csv
  python -m search.predict winner/model.keras party.jpg --faces detect --json
  python -m search.predict STUDY --manifest adience.parquet --csv all.csv

exit codes: 0 done, 1 a photograph could not be read, or another failure told in one line on standard \
error, 2 wrong usage, 130 interrupted
"""


@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """A model, and the photographs that it classifies: named ones, those of a manifest, or drawn ones.

    Raises InputError where they are not just one of these, for a `root` without a manifest, and where `out`
    is no PNG.
    """

    model: str
    photographs: Sequence[str] = ()
    manifest: Path | None = None
    root: Path | None = None
    demo: bool = False
    faces: str = WHOLE
    out: Path | None = None
    csv: Path | None = None
    top: int = 1
    json: bool = False
    storage: Path = STORAGE

    def __post_init__(self) -> None:
        if sum((bool(self.photographs), self.manifest is not None, self.demo)) != 1:
            raise InputError("give photographs, --manifest or --demo, and one of them only")
        if self.root and not self.manifest:
            raise InputError(f"--root {self.root} goes with --manifest; add it, or leave out --root")
        if self.out and self.out.suffix.lower() != ".png":
            raise InputError(f"--out is a .png file, received {self.out}; name it so")


def main(argv: Sequence[str] | None = None) -> int:
    """Classifies photographs; returns 0 done, 1 failed, told in one line, 2 wrong usage, 130 interrupted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such a file gets its sentence
        return exit_code(lambda: _predict(_parser().parse_into(PredictOptions, argv)))


def _predict(options: PredictOptions) -> None:
    for path in (options.out, options.csv):
        if path:
            require_place(path)  # before minutes of work, not after them
    model = find_model(options.model, options.storage)
    photographs, unseen = _photographs(options, model)
    found = classify_photographs(
        model,
        photographs,
        unseen,
        find_faces=options.faces == DETECT,
        of_manifest=options.manifest is not None,
    )
    figures = _write_files(options, found)
    print_notes(found, text_console(stderr=True))
    if options.json:
        print(json.dumps(found.to_dict(figures, top=options.top), indent=2))
    else:
        print_classification(found, text_console(), rows=options.manifest is None, top=options.top)
        for figure in figures:
            print(f"figure: {figure}")
    found.require_all_read()


def _photographs(
    options: PredictOptions, model: ModelFile
) -> tuple[Sequence[Photograph], Sequence[bool] | None]:
    """Returns the photographs, and of each whether the model was not trained on it, None where unknown."""
    if options.demo:
        return demo_photographs(model), None
    if options.manifest is None:
        return photographs_named(options.photographs), None
    manifest = read_manifest(options.manifest, options.root)
    names = model.label_names if model.facts else None
    return photographs_in(manifest, names), unseen_images(manifest, model.facts)


def _write_files(options: PredictOptions, found: Classification) -> list[str]:
    """Writes what was asked for, and returns the paths of the figure's pages."""
    if options.csv:
        write_csv(options.csv, found.rows, found.model.label_names, faces=found.tells_faces)
    if not options.out:
        return []
    from search.prediction.photo_grid import LIMIT, write_pages  # matplotlib takes a while to import

    if len(found.rows) > LIMIT:
        print(f"note: the figure shows the first {LIMIT} of {len(found.rows):,}", file=sys.stderr)
    return [str(path) for path in write_pages(found.rows, found.model, options.out)]


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.predict",
        description="Classifies photographs with a finished model: the label of each, and its probability.",
        epilog=_EPILOG,
        usage="%(prog)s MODEL_OR_STUDY\n    (PHOTO … | --manifest FILE | --demo) [options]",
    )
    add_model(parser)
    parser.add_argument(
        "photographs",
        nargs="*",
        metavar="PHOTO",
        help="files, folders (all images below them) and patterns (*, ?, and ** for any folders)",
    )
    parser.add_argument(
        "--manifest",
        type=located,
        metavar="FILE",
        help="manifest of images to classify; their labels show how often the model is right",
    )
    parser.add_argument(
        "--root",
        type=located,
        metavar="DIR",
        help="folder of the images of --manifest, where they have moved (default: as in the manifest)",
    )
    parser.add_argument("--demo", action="store_true", help="ten drawn faces, with their labels")
    parser.add_argument(
        "--faces",
        choices=(WHOLE, DETECT),
        default=WHOLE,
        help="part of a photograph to classify: all of it, or each face that OpenCV detects in it "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="PNG", help="PNG file to write, the photographs with their labels"
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="CSV file to write, one line per photograph or face"
    )
    parser.add_argument(
        "--top",
        type=_count,
        default=1,
        metavar="N",
        help="number of classes to name for each photograph, the likeliest first (default: %(default)s)",
    )
    parser.add_json()
    return parser


def _count(received: str) -> int:
    if not received.isdecimal() or int(received) < 1:
        raise InputError(f"--top must be a whole number from 1, received {received!r}")
    return int(received)


if __name__ == "__main__":
    sys.exit(main())
