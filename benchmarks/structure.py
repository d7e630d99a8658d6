"""Figures of the code's structure: files, imports, functions and comments.

    python -m benchmarks.structure

Lines of a function are counted without its docstring, parameters without self and cls, imports as modules
whatever is taken from them (typing, dataclasses and collections.abc are left out), comments as lines of why
for 100 lines of code.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("data_prep", "trainables", "search")
NOT_COUNTED = {"__future__", "typing", "collections.abc", "dataclasses"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Structure:
    """The figures of the product code; `_p90` is what 90 % stay at or below."""

    files: int
    lines: int
    files_directly_in_search: int
    most_files_in_a_folder: int
    imports_p90: int
    imports_most: int
    imports_most_in: str
    function_lines_median: int
    function_lines_p90: int
    function_lines_most: int
    parameters_p90: int
    parameters_most: int
    comments_per_100_lines: float


def structure_of(root: Path) -> Structure:
    """Returns the figures of the packages below `root`."""
    paths = sorted(path for package in PACKAGES for path in (root / package).rglob("*.py"))
    texts = {path: path.read_text("utf-8") for path in paths}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    imports = {path: len(_imported(tree, root)) for path, tree in trees.items()}
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function)]
    folders = [path.parent for path in paths if path.name != "__init__.py"]
    code = sum(_is_code(line) for text in texts.values() for line in text.splitlines())
    comments = sum(_comments(text) for text in texts.values())
    busiest = max(imports, key=lambda path: imports[path])
    return Structure(
        files=len(paths),
        lines=sum(len(text.splitlines()) for text in texts.values()),
        files_directly_in_search=folders.count(root / "search"),
        most_files_in_a_folder=max(map(folders.count, folders)),
        imports_p90=_quantile(imports.values(), 0.9),
        imports_most=imports[busiest],
        imports_most_in=busiest.relative_to(root).as_posix(),
        function_lines_median=_quantile(map(_lines, functions), 0.5),
        function_lines_p90=_quantile(map(_lines, functions), 0.9),
        function_lines_most=max(map(_lines, functions)),
        parameters_p90=_quantile(map(_parameters, functions), 0.9),
        parameters_most=max(map(_parameters, functions)),
        comments_per_100_lines=round(100 * comments / code, 1),
    )


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Prints the figures of the packages below `root`, one in a line, and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    figures = asdict(structure_of(root))
    if parser.parse_args(argv).json:
        print(json.dumps(figures, indent=2))
    else:
        print("\n".join(f"{value!s:>24}  {name.replace('_', ' ')}" for name, value in figures.items()))
    return 0


def _imported(tree: ast.Module, root: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= set(_modules(node, root))
    return names - NOT_COUNTED


def _modules(node: ast.ImportFrom, root: Path) -> Iterator[str]:
    for alias in node.names:
        inner = root.joinpath(*str(node.module).split("."), f"{alias.name}.py")
        yield f"{node.module}.{alias.name}" if inner.is_file() else str(node.module)


def _lines(function: Function) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return int(function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _parameters(function: Function) -> int:
    names = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def _comments(text: str) -> int:
    return sum(
        token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(text).readline)
    )


def _quantile(values: Iterable[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    sys.exit(main())
