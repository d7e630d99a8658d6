"""The pages for users: programs take their commands, links lead somewhere, tables say what the code does."""

from __future__ import annotations

import argparse
import ast
import configparser
import importlib
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_prep import arguments as build_arguments
from search import predict
from search.options.parser import parse_options
from search.report.published import CHOSEN
from search.space.labels import show_value
from search.space.stages import STAGES
from search.statistics import selection
from tests.documented import (
    COMMANDS,
    OTHERS,
    PAGES,
    ROOT,
    WHOLE_PAGES,
    Command,
    anchors_of,
    blocks_of,
    prose_of,
    rows_of,
    spans_of,
)
from tests.documented import commands as all_commands

NEEDS = {
    "a cluster",
    "a cloud",
    "a GPU",
    "a GPU and the internet",
    "a notebook of Colab or Kaggle",
    "the internet",
    "another machine",
}
PROGRAMS = [
    "data_prep.build",
    "data_prep.audit",
    "trainables.backbones",
    *(
        f"search.{name}"
        for name in ("run", "show", "report", "compare", "predict", "export", "dashboard", "audit")
    ),
]
PARSERS = {"data_prep.build": "data_prep.arguments", "search.run": "search.options.parser"}
PARSES = {
    "data_prep.build": build_arguments.parse_options,
    "search.run": parse_options,
    "search.predict": lambda words: predict._parser().parse_into(predict.PredictOptions, words),
}
RUN_ELSEWHERE = {"source <(activate-global-python-argcomplete --dest=-": "test_completion.py"}
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
ALL = list(all_commands())
SPANS = sorted({(page.name, span) for page in PAGES for span in spans_of(page)})
OPTIONS = [(page, span) for page, span in SPANS if span.startswith("--") and page not in WHOLE_PAGES]
LINKS = [
    (page, target)
    for page in (*PAGES, ROOT / "CHANGELOG.md")
    for target in re.findall(r"\]\(([^)]+)\)", prose_of(page))
]


def parser_of(module: str) -> argparse.ArgumentParser:
    """Returns the parser of `python -m module`."""
    name = PARSERS.get(module, module)
    if (ROOT / name.replace(".", "/") / "__main__.py").is_file():
        name += ".__main__"
    parser = importlib.import_module(name)._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


def parse(module: str, argv: Sequence[str]) -> None:
    """Parses as the program does; what it does not take ends in SystemExit."""
    PARSES.get(module, lambda words: parser_of(module).parse_args(words))(list(argv))


def parse_all(text: str) -> int:
    """Parses every call of this project's programs in a command, and returns how many there are."""
    calls = re.findall(r"python -m ([\w.]+)([^'\"|;&]*('[^']*'[^'\"|;&]*)*)", text)
    for module, options, _ in calls:
        if "…" in options:
            assert parser_of(module)
        else:
            parse(module, shlex.split(options))
    return len(calls)


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options_of(below)


def extras_in(text: str) -> set[str]:
    return {extra for names in re.findall(r"\.\[([\w,]+)\]", text) for extra in names.split(",")}


def require_extras(text: str) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    assert extras_in(text) <= config["options.extras_require"].keys()


def require_target(text: str) -> None:
    target = text.split()[1]
    assert re.search(rf"^{target}:", MAKEFILE, flags=re.MULTILINE), f"there is no make {target}"


def require_tensorboard(text: str) -> None:
    program = pytest.importorskip("tensorboard.program")
    core = pytest.importorskip("tensorboard.plugins.core.core_plugin")
    program.TensorBoard(plugins=[core.CorePluginLoader]).configure(argv=shlex.split(text))


def takes(command: Command) -> bool:
    """Whether a program of ours, or one whose words can be checked here, takes the command."""
    match command.text.split()[0]:
        case "make":
            require_target(command.text)
        case "pip":
            require_extras(command.text)
            return bool(extras_in(command.text))
        case "tensorboard":
            require_tensorboard(command.text)
        case "python":
            return parse_all(command.text) == 1
        case _:
            parse_all(command.text)
            return any(
                command.text.startswith(start) and start in (ROOT / "tests" / test).read_text("utf-8")
                for start, test in RUN_ELSEWHERE.items()
            )
    return True


@pytest.mark.parametrize("command", ALL, ids=str)
def test_command_is_taken_or_says_what_it_needs(command: Command) -> None:
    assert takes(command) or command.needs, "mark it: (needs …) in the paragraph before the block"


@pytest.mark.parametrize("needs", sorted({command.needs for command in ALL if command.needs}))
def test_need_is_a_known_one(needs: str) -> None:
    assert needs in NEEDS


def test_pages_name_every_program() -> None:
    named = {module for command in ALL for module in re.findall(r"python -m ([\w.]+)", command.text)}
    assert set(PROGRAMS) <= named


@pytest.mark.parametrize(("page", "span"), [pair for pair in SPANS if pair[1].startswith("python -m ")])
def test_command_in_the_text_is_taken(page: str, span: str) -> None:
    if span.count(" ") == 2:
        assert parser_of(span.split()[2])
    else:
        assert parse_all(span) == 1


@pytest.mark.parametrize(("page", "span"), [pair for pair in SPANS if pair[1].startswith(("make ", "pip "))])
def test_target_or_extra_in_the_text_exists(page: str, span: str) -> None:
    require_target(span) if span.startswith("make ") else require_extras(span)


@pytest.mark.parametrize(("page", "span"), OPTIONS)
def test_option_in_the_text_exists(page: str, span: str) -> None:
    known = {option for program in PROGRAMS for option in options_of(parser_of(program))}
    assert {word for word in span.split() if word.startswith("--")} <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_of_a_known_kind(page: Path) -> None:
    for block in blocks_of(page):
        assert block.kind in (*COMMANDS, *OTHERS)
        if block.kind == "python":
            ast.parse("\n".join(block.lines))
        if block.kind == "yaml":
            yaml.safe_load("\n".join(block.lines))


@pytest.mark.parametrize(("page", "target"), LINKS, ids=[f"{page.name}: {target}" for page, target in LINKS])
def test_link_leads_somewhere(page: Path, target: str) -> None:
    if re.match("https?://", target):
        return
    path, _, anchor = target.partition("#")
    there = (page.parent / path).resolve() if path else page
    assert there.exists()
    assert not anchor or anchor in anchors_of(there)


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_readme_leads_to_every_page(page: Path) -> None:
    assert (PAGES[0], f"docs/{page.name}") in LINKS


def test_table_of_stages_is_that_of_the_code() -> None:
    said = {cells[0].strip("`"): cells[1:] for cells in rows_of(ROOT / "docs" / "search.md", "stage")}
    assert list(said) == list(STAGES)
    for name, (values, winner) in said.items():
        assert re.sub(r" \(.*\)", "", values) == ", ".join(map(show_value, STAGES[name].values))
        assert winner == (show_value(CHOSEN[name]) if name in CHOSEN else "not in the report")


def test_power_is_what_the_module_says() -> None:
    table = "".join(map(" ".join, rows_of(ROOT / "docs" / "statistics.md", "values")))
    documented = re.search(r"race to 10.*\n((?:    \d.*\n)+)", str(selection.__doc__))
    assert documented
    assert re.findall(r"\d\.\d\d", table) == re.findall(r"\d\.\d\d", documented[1])


@pytest.mark.parametrize("page", ["README.md", "docs/speed.md"])
def test_ratios_are_those_of_the_benchmarks(page: str) -> None:
    printed = re.findall(r"(\d+(?:\.\d+)?)x", (ROOT / "benchmarks" / "README.md").read_text("utf-8"))
    said = re.findall(r"\b(\d+)(?:x| times)\b", (ROOT / page).read_text("utf-8"))
    assert said
    assert set(map(int, said)) <= {round(float(ratio)) for ratio in printed}


class _WithoutTags(yaml.SafeLoader):
    """A loader that leaves out what only mkdocs can make of its file."""


_WithoutTags.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def test_every_page_stands_in_the_navigation_of_the_site() -> None:
    # not with safe_load, which refuses the tags
    site = yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Loader=_WithoutTags)
    pages = {page for entry in site["nav"] for page in files_in(entry)}
    assert pages >= {page.relative_to(ROOT).as_posix() for page in (*PAGES, *ROOT.glob("docs/**/*.md"))}
    assert all((ROOT / page).is_file() for page in pages)


def files_in(entry: str | dict[str, Any]) -> Iterator[str]:
    """Yields the files of an entry of the navigation, and of those below it."""
    if isinstance(entry, str):
        yield entry
        return
    for below in entry.values():
        for each in below if isinstance(below, list) else [below]:
            yield from files_in(each)
