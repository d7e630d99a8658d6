"""Rooms that need neither Ray nor Keras load neither; the order of rooms is a contract in pyproject.toml."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import search

ROOT = Path(__file__).parents[1]
PACKAGES = ("data_prep", "trainables", "search")
HEAVY = ("ray", "keras", "tensorflow", "jax", "torch", "optuna")

RAY = ("trainables/worker.py", "trainables/pack_worker.py", "trainables/errands.py", "search/ray_tune/")
# a stage whose trials are all in the ledger needs none of these
ABOVE_RAY = ("search/strategies/joint.py", "search/strategies/population.py")
RAY_FREE = ("search/ray_tune/workers.py", "search/ray_tune/policy.py", "search/ray_tune/ahead/")
LEARNING = (
    "trainables/backbones/blocks.py",
    "trainables/training/",
    "trainables/inference/deployed_model.py",
)
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@functools.cache
def imported_by(path: Path) -> set[str]:
    """Returns the first part of the name of every module that the file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} line {node.lineno} imports relatively"
            names.add(str(node.module).partition(".")[0])
    return names


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def needs_a_framework(path: Path) -> bool:
    name = name_of(path)
    return not name.startswith(RAY_FREE) and name.startswith((*RAY, *ABOVE_RAY, *LEARNING))


def test_no_module_imports_tests_or_benchmarks() -> None:
    assert [name_of(path) for path in MODULES if imported_by(path) & {"tests", "benchmarks"}] == []


def test_data_prep_imports_no_framework() -> None:
    using = [path for path in MODULES if name_of(path).startswith("data_prep/")]
    assert not {name for path in using for name in imported_by(path) & set(HEAVY)}


def test_ray_is_imported_in_its_room_and_by_workers_only() -> None:
    using = [name_of(path) for path in MODULES if "ray" in imported_by(path)]
    assert [name for name in using if not name.startswith(RAY)] == []


def test_keras_is_imported_by_trainables_only() -> None:
    using = {path for path in MODULES if imported_by(path) & {"keras", "tensorflow", "jax"}}
    assert {path.relative_to(ROOT).parts[0] for path in using} == {"trainables"}


@pytest.mark.parametrize("package", ["data_prep", "trainables"])
def test_init_of_a_package_holds_a_docstring_only(package: str) -> None:
    (node,) = ast.parse((ROOT / package / "__init__.py").read_text("utf-8")).body
    assert isinstance(node, ast.Expr)
    assert isinstance(node.value, ast.Constant)


def test_names_of_the_door_are_those_of_their_modules() -> None:
    assert {name: getattr(search, name).__module__ for name in search.__all__} == {
        "Callback": "search.callbacks.callback",
        "InputError": "data_prep.errors",
        "Study": "search.report.study",
        "Tuner": "search.tuner",
    }
    assert set(search.__all__) <= set(dir(search))


def test_name_that_the_door_does_not_have() -> None:
    with pytest.raises(AttributeError, match=r"module 'search' has no attribute 'Tunner'"):
        _ = search.Tunner  # type: ignore[attr-defined]


def test_import_of_search_costs_nothing_and_loads_nothing() -> None:
    code = "import time; began = time.process_time(); import search, sys\n"
    code += f"print(time.process_time() - began, *sorted({{'pandas', 'numpy', *{HEAVY}}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, *loaded = done.stdout.split()
    assert loaded == []
    assert float(seconds) < 0.3


def test_show_waits_for_nothing_that_it_does_not_need() -> None:
    unneeded = {"pandas", "pyarrow", "scipy", "filelock", *HEAVY}
    code = f"import search.show, sys; print(*sorted({unneeded} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_all_other_modules_load_no_framework() -> None:
    others = [path for path in MODULES if not needs_a_framework(path)]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in others]
    code = f"import sys, importlib\nfor name in {names}:\n    importlib.import_module(name)\n"
    code += f"    print(name, *sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.splitlines()) == ("", names)
