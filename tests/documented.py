"""What the pages for users hold: commands, code, tables, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
# all of whose commands need that
WHOLE_PAGES = {"cluster.md": "a cluster", "colab.md": "a notebook of Colab or Kaggle"}
COMMANDS, OTHERS = ("", "sh"), ("text", "python", "yaml")  # the kinds of blocks


@dataclass(frozen=True)
class Block:
    """A block of code: its page, kind and lines, and what its commands need as the text before it says."""

    page: Path
    kind: str
    lines: tuple[str, ...]
    needs: str = ""


@dataclass(frozen=True)
class Command:
    """A line to type; `needs` is what the page says that it needs, empty for nothing."""

    page: str
    text: str
    needs: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


@cache
def blocks_of(page: Path) -> tuple[Block, ...]:
    """Returns the blocks of code of a page."""
    return tuple(_blocks(page))


def commands() -> Iterator[Command]:
    """Yields every command of every page, without comments."""
    for page in PAGES:
        for block in blocks_of(page):
            if block.kind in COMMANDS:
                needs = WHOLE_PAGES.get(page.name, block.needs)
                for line in block.lines:
                    if text := re.sub(r"\s+# .*", "", line).strip():
                        yield Command(page.name, text, needs)


def prose_of(page: Path) -> str:
    """Returns the page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def spans_of(page: Path) -> list[str]:
    """Returns what stands in backticks in the text of a page."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose_of(page))]


def anchors_of(page: Path) -> set[str]:
    """Returns the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows_of(page: Path, head: str) -> list[list[str]]:
    """Returns the cells of the table whose first cell is `head`, a list a row."""
    table = re.search(
        rf"^\| *{re.escape(head)} *\|.*\n\|[-| ]+\n((?:\|.*\n)+)", prose_of(page), flags=re.MULTILINE
    )
    assert table, f"{page.name} has no table of {head}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def _blocks(page: Path) -> Iterator[Block]:
    before: list[str] = []
    kind, inside = "", None
    for line in page.read_text("utf-8").splitlines():
        if not line.startswith("```"):
            (before if inside is None else inside).append(line)
        elif inside is None:
            kind, inside = line.removeprefix("```"), []
        else:
            yield Block(page, kind, tuple(inside), _needs("\n".join(before)))
            before, inside = [], None


def _needs(before: str) -> str:
    """Returns what the last paragraph says in the marker "(needs …)"."""
    paragraphs = [" ".join(text.split()) for text in before.split("\n\n") if text.strip()]
    marker = re.search(r"\(needs ([^)]+)\)", paragraphs[-1]) if paragraphs else None
    return marker[1] if marker else ""
