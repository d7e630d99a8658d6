from __future__ import annotations

from pathlib import Path

from search.options.parser import read_options
from search.output.audit_lines import audit_lines
from tests.search.makers import make_problem

DATA = ("--data", "my faces.parquet", "--split", "kfold:5", "--weights", "none", "--cache", "there")
OPTIONS = read_options(("--stage", "lr", *DATA))


def test_lines_name_what_the_manifest_tells(tmp_path: Path) -> None:
    alike, few, how = audit_lines(make_problem(tmp_path, alike=[row // 4 for row in range(80)]), OPTIONS)
    assert alike.startswith(
        "audit     nearly equal pictures: 20 groups of 80 pictures; 20 with more than one class"
    )
    assert few.startswith(
        "          classes: cat 40 (50%), dog 40 (50%); the smallest has 40 images, too few"
    )
    assert how == (
        "          python -m search.audit 'my faces.parquet' --split kfold:5 --weights none --cache there"
        " --html audit.html shows the images"
    )


def test_lines_are_none_where_nothing_is_to_say(tmp_path: Path) -> None:
    assert list(audit_lines(make_problem(tmp_path, subjects=120), OPTIONS)) == []
