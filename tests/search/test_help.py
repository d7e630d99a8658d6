"""The help of every command but search.run and data_prep.build: each option, with its default."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version

import pytest

from data_prep.audit import __main__ as plain_audit
from search import compare, export, predict, show
from search.audit import __main__ as audit
from search.dashboard import __main__ as dashboard
from search.report import __main__ as report
from trainables.backbones import __main__ as backbones

Capture = pytest.CaptureFixture[str]

MAIN: dict[str, Callable[[list[str]], int]] = {
    "search.show": show.main,
    "search.report": report.main,
    "search.compare": compare.main,
    "search.predict": predict.main,
    "search.export": export.main,
    "search.dashboard": dashboard.main,
    "trainables.backbones": backbones.main,
    "data_prep.audit": plain_audit.main,
    "search.audit": audit.main,
}
NONE = None  # an option without a default
AUDIT: dict[str, str | None] = {
    "MANIFEST": NONE,
    "--root": "as in the manifest",
    "--split": "the one that came with the data, else random",
    "--html": NONE,
    "--json": NONE,
}
DEFAULTS: dict[str, dict[str, str | None]] = {
    "search.show": {"STUDY": NONE, "--storage": "results", "--json": NONE},
    "search.report": {"STUDY": NONE, "--storage": "results", "--out": "report/ in the study's folder"},
    "search.compare": {"STUDY": NONE, "--storage": "results", "--json": NONE},
    "search.predict": {
        "MODEL_OR_STUDY": NONE,
        "PHOTO": NONE,
        "--storage": "results",
        "--manifest": NONE,
        "--root": "as in the manifest",
        "--demo": NONE,
        "--faces": "as-is",
        "--out": NONE,
        "--csv": NONE,
        "--json": NONE,
        "--top": "1",
    },
    "search.export": {
        "MODEL_OR_STUDY": NONE,
        "--storage": "results",
        "--format": NONE,
        "--out": "in export/ beside the model",
        "--json": NONE,
    },
    "search.dashboard": {
        "STUDY|STORAGE": "results",
        "--port": "8501",
        "--host": "127.0.0.1",
        "--token": "what STAGEWISE_DASHBOARD_TOKEN holds, else none on this machine's own address, else a "
        "random one, which is printed",
        "--token-file": NONE,
    },
    "trainables.backbones": {"BACKBONE": "those of the table", "--measure": NONE, "--json": NONE},
    "data_prep.audit": {**AUDIT, "--features": NONE},
    "search.audit": {
        **AUDIT,
        "--backbone": "one whose features are there",
        "--weights": "imagenet, none for the drawn sample",
        "--cache": "cache",
    },
}


@pytest.fixture(params=MAIN)
def command(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_help_has_every_option_with_its_default(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert MAIN[command](["--help"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: python -m {command} ")
    blocks = re.split(r"^  (?:-h, )?(--[\w-]+|[A-Z_|]+)\b", told, flags=re.MULTILINE)[1:]
    named = zip(blocks[::2], blocks[1::2], strict=True)
    defaults = {name: re.search(r"\(default: (.*)\)\n", block) for name, block in named}
    for name in ("--help", "--version"):
        assert defaults.pop(name) is None
    assert {name: match and match[1] for name, match in defaults.items()} == DEFAULTS[command]


def test_help_fits_the_terminal(command: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert MAIN[command](["--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_version_is_that_of_the_package(command: str, capsys: Capture) -> None:
    assert MAIN[command](["--version"]) == 0
    assert capsys.readouterr().out == f"stagewise {version('stagewise')}\n"


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        (
            "search.show",
            "faces --storag here",
            "unrecognized arguments: --storag here; did you mean --storage?",
        ),
        (
            "search.report",
            "faces --output here",
            "unrecognized arguments: --output here; did you mean --out?",
        ),
        ("search.compare", "faces --jsn", "unrecognized arguments: --jsn; did you mean --json?"),
        ("search.predict", "faces --manifests m", "--manifests m; did you mean --manifest?"),
        ("search.predict", "faces --demo --faces detekt", "; did you mean detect?"),
        ("search.export", "faces --format tf_lite", "; did you mean tflite?"),
        ("search.dashboard", "--ports=80", "unrecognized arguments: --ports=80; did you mean --port?"),
        ("trainables.backbones", "--table", "unrecognized arguments: --table"),
        ("data_prep.audit", "m.parquet --page a", "unrecognized arguments: --page a"),
        ("search.audit", "m.parquet --backbone resnet50", "resnet50_v2"),
    ],
)
def test_wrong_word_is_answered_with_the_nearest(
    command: str, words: str, told: str, capsys: Capture
) -> None:
    assert MAIN[command](words.split()) == 2
    output = capsys.readouterr()
    assert told in output.err.splitlines()[-1]
    assert output.out == ""
