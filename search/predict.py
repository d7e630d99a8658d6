"""python -m search.predict: what a finished model says of photographs."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import contextlib
import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from rich.text import Text

from data_prep.command_line.completion import completing
from data_prep.command_line.console import text_console
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from data_prep.manifest import read_manifest
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.remote import located
from search.final_model.model_file import ModelFile, find_model
from search.options.types import add_storage, offer_studies
from search.prediction.evaluation import evaluate_parts, print_evaluation, unseen_images
from search.prediction.photographs import Photograph, drawn_photographs, photographs_in, photographs_named
from search.prediction.predictions import PredictionRow, prediction_rows, print_problems, print_rows, to_csv
from trainables.features.extraction import show_progress
from trainables.features.images import OnProgress
from trainables.inference.classifier import (
    BATCH_SIZE,
    Classifier,
    classify,
    show_faces,
    show_whole,
)

DETECT = "detect"
_MADE_OF = ("data_digest", "source", "weights", "split", "key")
_EPILOG = """\
examples:
  python -m search.predict STUDY --demo --out grid.png
  python -m search.predict STUDY ann.jpg bob.png holiday/ 'more/**/*.jpg' --out grid.png
  python -m search.predict winner/model.keras party.jpg --faces detect --json
  python -m search.predict STUDY --manifest adience.parquet --csv predictions.csv

exit codes: 0 done, 1 a photograph could not be read or something else is told in one line on standard
error, 2 wrong usage, 130 interrupted
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """The photographs to classify; `unseen` tells, if known, on which of them the model was not trained."""

    photographs: Sequence[Photograph]
    unseen: Sequence[bool] | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # such a file gets its sentence
        return exit_code(lambda: _predict(_parse(argv)))


def _predict(arguments: argparse.Namespace) -> None:
    for path in (arguments.out, arguments.csv):
        _require_folder(path)
    model = find_model(arguments.model, arguments.storage)
    asked = _asked(arguments, model)
    look = show_faces() if arguments.faces == DETECT else show_whole
    classifier = Classifier.load(model.path)
    images = [photograph.image for photograph in asked.photographs]
    with _progress(len(images)) as on_progress:
        rows = prediction_rows(asked.photographs, classify(classifier, images, look, on_progress))
    figures = _write_files(arguments, rows, model)
    parts = evaluate_parts(rows, asked.unseen)
    notes = text_console(stderr=True)
    for caveat in model.caveats:
        notes.print(Text(f"note: {caveat}"), soft_wrap=True)
    print_problems(rows, notes)
    if arguments.json:
        print(json.dumps(_as_json(rows, model, classifier.input_px, parts, figures), indent=2))
    else:
        _print(rows, model, parts, many=arguments.manifest is not None)
        for figure in figures:
            print(f"figure: {figure}")
    _require_all_read(rows)


def _asked(arguments: argparse.Namespace, model: ModelFile) -> Asked:
    if arguments.demo:
        return Asked(photographs=drawn_photographs())
    if arguments.manifest is None:
        return Asked(photographs=photographs_named(arguments.photographs))
    manifest = read_manifest(arguments.manifest, arguments.root)
    return Asked(photographs=photographs_in(manifest), unseen=unseen_images(manifest, model.facts))


def _write_files(arguments: argparse.Namespace, rows: Sequence[PredictionRow], model: ModelFile) -> list[str]:
    """Writes what was asked for and returns the paths of the figure's pages."""
    if arguments.csv:
        table = to_csv(rows, model.label_names)
        write_whole(arguments.csv, lambda file: file.write(table))
    if not arguments.out:
        return []
    from search.prediction.photo_grid import LIMIT, write_pages  # matplotlib takes a while to import

    if len(rows) > LIMIT:
        print(f"note: the figure shows the first {LIMIT} of {len(rows):,}", file=sys.stderr)
    return [str(path) for path in write_pages(rows, model, arguments.out)]


def _as_json(
    rows: Sequence[PredictionRow], model: ModelFile, input_px: int, parts: dict[str, Any], figures: list[str]
) -> dict[str, Any]:
    return {
        "model": str(model.path),
        "input_px": input_px,
        "labels": list(model.label_names),
        "made_of": {
            name: model.facts.get(name) for name in ("data_digest", "source", "weights", "split", "key")
        },
        "caveats": list(model.caveats),
        "predictions": [row.to_dict(model.label_names) for row in rows],
        "metrics": parts,
        "figures": figures,
    }


def _print(rows: Sequence[PredictionRow], model: ModelFile, parts: dict[str, Any], *, many: bool) -> None:
    console = text_console()
    made_of = model.describe()
    console.print(Text(f"model  {model.path}{f' ({made_of})' if made_of else ''}"), soft_wrap=True)
    if not many:
        print_rows(rows, model.label_names, console)
    print_evaluation(parts, model.label_names, console)


def _require_all_read(rows: Sequence[PredictionRow]) -> None:
    failed = sum(row.prediction.failed for row in rows)
    if failed:
        photographs = len({row.prediction.photo for row in rows})
        raise InputError(
            f"{failed:,} of {photographs:,} photographs could not be read, each is named above; "
            "the others were classified"
        )


def _require_folder(path: Path | None) -> None:
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InputError(
            f"{path} cannot be written: its folder must exist, and it must not be a folder itself"
        )


def _progress(photographs: int) -> contextlib.AbstractContextManager[OnProgress]:
    if photographs > 2 * BATCH_SIZE:
        return show_progress("classified")
    return contextlib.nullcontext(lambda done, total: None)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = completing(_parser())
    arguments = parser.parse_intermixed_args(argv)
    wishes = (bool(arguments.photographs), arguments.manifest is not None, arguments.demo)
    if sum(wishes) != 1:
        parser.error("give photographs, --manifest or --demo, and one of them only")
    if arguments.root and not arguments.manifest:
        parser.error("--root goes with --manifest")
    if arguments.out and arguments.out.suffix.lower() != ".png":
        parser.error(f"--out is a .png file, received {arguments.out}")
    return arguments


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.predict",
        description="The probability and the label that a finished model gives to photographs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s MODEL_OR_STUDY (PHOTO … | --manifest FILE | --demo) [options]",
    )
    model = parser.add_argument(
        "model",
        metavar="MODEL_OR_STUDY",
        help="a .keras file, a study's name or its folder (winner/model.keras)",
    )
    offer_studies(model)
    parser.add_argument(
        "photographs",
        nargs="*",
        metavar="PHOTO",
        help="files, folders (all images below them) and patterns (*, ?, ** for folders)",
    )
    parser.add_argument(
        "--manifest",
        type=located,
        metavar="FILE",
        help="classify its images and say how right the model is",
    )
    parser.add_argument("--root", type=located, metavar="DIR", help="where the images of --manifest lie now")
    parser.add_argument("--demo", action="store_true", help="ten drawn faces, with the labels they have")
    parser.add_argument(
        "--faces",
        choices=("as-is", DETECT),
        default="as-is",
        help="take a photograph as a face, or find the faces in it with OpenCV (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, metavar="PNG", help="a figure: the photographs with their labels")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="a line for each photograph or face")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_storage(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
