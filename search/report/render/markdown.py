"""The report as Markdown, with the pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from search.report.document import Alert, Block, Bullets, Document, Paragraph, Section, Table


def to_markdown(document: Document) -> str:
    """Returns the report as Markdown (GitHub's, for the tables); the same document gives the same text."""
    parts = [
        f"# {_safe(document.title)}",
        f"Made on {_safe(document.made_on)}. "
        "Beside each figure of ours stands the published one, or - where none was published.",
        *(_section(section) for section in document.sections),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join((f"## {_safe(section.title)}", *(_block(block) for block in section.blocks)))


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return _safe(block.text)
        case Bullets():
            return _list(block.items)
        case Alert():
            quoted = f"**{_safe(block.title)}**\n\n{_list(block.items)}"
            return "\n".join(f"> {line}".rstrip() for line in quoted.splitlines())
        case Table():
            return _table(block)
        case _:
            caption = _safe(block.caption)
            return f"![{caption}](figures/{block.name}.png)\n\n*{caption}*"


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {_safe(item)}" for item in items)


def _table(table: Table) -> str:
    lines = [_row(_cells(table.columns)), _row(["---"] * len(table.columns))]
    for number, row in enumerate(table.rows):
        cells = _cells(row)
        lines.append(
            _row([f"**{cell}**" if cell else "" for cell in cells] if number in table.strong else cells)
        )
    return "\n".join((f"*{_safe(table.caption)}*", "", *lines))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(cells: Sequence[str]) -> list[str]:
    return [_safe(cell) for cell in cells]


def _safe(text: str) -> str:
    """One line in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|#~&])", r"\\\1", " ".join(text.split()))
