"""python -m search.export: a finished model for other runtimes, checked against Keras."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from data_prep.command_line.completion import completing
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.errors import InputError
from search.final_model.model_file import ModelFile, find_model
from search.options.types import add_storage, offer_studies
from search.prediction.photographs import drawn_photographs
from trainables.inference.export import EXPORT_TOLERANCE, Exported, export_model
from trainables.inference.runtimes import EXPORT_FORMATS, Format, find_format


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 told in one line, 2 wrong usage, 130 interrupted."""
    return exit_code(lambda: _export(completing(_parser()).parse_args(argv)))


def _export(arguments: argparse.Namespace) -> None:
    form = find_format(arguments.format)
    model = find_model(arguments.model, arguments.storage)
    out = arguments.out or model.path.parent / "export" / form.file_name
    _require_a_place(out, form)
    faces = [photograph.image for photograph in drawn_photographs()]
    exported = export_model(model.path, form, out, faces)
    if not exported.is_telling:
        print(
            f"note: the model gives all {exported.pictures} pictures of the check nearly the same "
            "probability, so that the check says little",
            file=sys.stderr,
        )
    if arguments.json:
        print(json.dumps(_as_json(exported, form, model), indent=2))
    else:
        _print(exported, form, model)


def _require_a_place(out: Path, form: Format) -> None:
    """Raises InputError where a folder stands in the place of a file."""
    if out.is_dir() and Path(form.file_name).suffix:
        raise InputError(f"{form.name} is one file, {out} is a folder; choose a file in it with --out")


def _as_json(exported: Exported, form: Format, model: ModelFile) -> dict[str, object]:
    return {
        "model": str(model.path),
        "format": form.name,
        "path": str(exported.path),
        "labels": list(model.label_names),
        "input_px": exported.input_px,
        "pictures": exported.pictures,
        "largest_difference": exported.difference,
        "tolerance": EXPORT_TOLERANCE,
        "probabilities": [exported.lowest, exported.highest],
        "telling": exported.is_telling,
    }


def _print(exported: Exported, form: Format, model: ModelFile) -> None:
    print(f"{form.name}: {exported.path}")
    spread = f"probabilities {exported.lowest:.4f} to {exported.highest:.4f}"
    difference = f"largest difference from Keras {exported.difference:.1e} (allowed {EXPORT_TOLERANCE:g})"
    print(f"checked: {exported.pictures} pictures, {spread}, {difference}")
    px = exported.input_px
    print(f"input: float32 (batch, {px}, {px}, 3), RGB in 0..255, sides scaled by themselves")
    print(f"output: float32 (batch, 1), the probability of label 1 ({model.label_names[1]})")


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.export",
        description="Writes a finished model for another runtime, once it gave the same there as in Keras on "
        f"drawn faces, black, white and noise (to {EXPORT_TOLERANCE:g} of a probability); else nothing is "
        "kept.",
        epilog="exit codes: 0 done, 1 told in one line on standard error, 2 wrong usage, 130 interrupted",
    )
    model = parser.add_argument(
        "model", metavar="MODEL_OR_STUDY", help="a .keras file, or a study that has a winner"
    )
    offer_studies(model)
    parser.add_argument("--format", required=True, choices=[form.name for form in EXPORT_FORMATS])
    parser.add_argument("--out", type=Path, help="(default: export/ beside the model)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_storage(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
