"""python -m search.export: a finished model for other runtimes, checked against Keras."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_prep.class_names import listed, shown_name
from data_prep.command_line.console import text_console, working
from data_prep.command_line.exit_codes import exit_code
from data_prep.command_line.parser import CommandParser
from data_prep.storage.json_files import write_json
from search.final_model.model_file import ModelFile, find_model
from search.options.types import STORAGE, add_model
from search.prediction.photographs import drawn_photographs
from trainables.inference.export import EXPORT_TOLERANCE, Exported, export_model
from trainables.inference.runtimes import EXPORT_FORMATS, Format, find_format


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """A model to export, by its file or by its study; `format` is a name, `out` None is beside the model."""

    model: str
    format: str
    out: Path | None = None
    json: bool = False
    storage: Path = STORAGE


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the export; returns 0 done, 1 failed, told in one line, 2 wrong usage, 130 interrupted."""
    return exit_code(lambda: _export(_parser().parse_into(ExportOptions, argv)))


def _export(options: ExportOptions) -> None:
    form = find_format(options.format)
    model = find_model(options.model, options.storage)
    out = options.out or model.path.parent / "export" / form.file_name
    with working(f"writing {form.name}, and checking it against Keras"):
        exported = export_model(model.path, form, out, [face.image for face in drawn_photographs()])
    beside = _write_classes(exported, model)
    if not exported.is_telling:
        text_console(stderr=True).print(
            f"note: the model gives nearly the same probability for all {exported.pictures} pictures of the "
            "check, so the check says little",
            soft_wrap=True,
        )
    if options.json:
        print(json.dumps({**_as_json(exported, form, model), "classes": str(beside)}, indent=2))
    else:
        console = text_console()
        for line in (*_lines(exported, form, model), f"classes: {beside}"):
            console.print(line, soft_wrap=True)


def _write_classes(exported: Exported, model: ModelFile) -> Path:
    """Writes the names of the classes beside the export, which has no place for them; returns the path."""
    path = exported.path.with_name(f"{exported.path.name}.classes.json")
    write_json(path, {"format": 1, "class_names": list(model.label_names), "input_px": exported.input_px})
    return path


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


def _lines(exported: Exported, form: Format, model: ModelFile) -> Iterator[str]:
    yield f"{form.name}: {exported.path}"
    spread = f"probabilities {exported.lowest:.4f} to {exported.highest:.4f}"
    difference = f"largest difference from Keras {exported.difference:.1e} (allowed {EXPORT_TOLERANCE:g})"
    yield f"checked: {exported.pictures} pictures, {spread}, {difference}"
    px = exported.input_px
    yield f"input: float32 (batch, {px}, {px}, 3), RGB in 0..255, width and height scaled independently"
    yield f"output: float32 (batch, {exported.outputs}), {_output(exported, model)}"


def _output(exported: Exported, model: ModelFile) -> str:
    names = model.label_names
    if exported.outputs == 1:
        return f"the probability of label 1 ({shown_name(names[1])})"
    return f"the probabilities of {listed(names, most=20)}, in this order"


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="python -m search.export",
        description="Writes a finished model for another runtime. The export is kept only if its "
        f"probabilities are those of Keras, to within {EXPORT_TOLERANCE:g}, on drawn faces, black, white and "
        "noise.",
    )
    add_model(parser)
    parser.add_argument(
        "--format",
        required=True,
        choices=[form.name for form in EXPORT_FORMATS],
        help="format of the export",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="file of the export, or folder for saved_model (default: in export/ beside the model)",
    )
    parser.add_json()
    return parser


if __name__ == "__main__":
    sys.exit(main())
