"""Markdown of the report, with the pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from search.report.document import (
    Alert,
    Block,
    Bullets,
    Document,
    Gallery,
    KeyNumber,
    KeyNumbers,
    Paragraph,
    Section,
    Table,
)


def to_markdown(document: Document) -> str:
    """Returns the report as Markdown (GitHub's, for the tables); the same document gives the same text."""
    parts = [
        f"# {plain_markdown(document.title)}",
        f"Made on {plain_markdown(document.made_on)}. {plain_markdown(document.remark)}".strip(),
        *(_section(section) for section in document.sections),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join((f"## {plain_markdown(section.title)}", *(_block(block) for block in section.blocks)))


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return plain_markdown(block.text)
        case Bullets():
            return _list(block.items)
        case KeyNumbers():
            return "\n".join(map(_key_number, block.items))
        case Alert():
            # GitHub ends a quote at an empty line, so that one has its mark as well
            quoted = f"**{plain_markdown(block.title)}**\n\n{_list(block.items)}"
            return "\n".join(f"> {line}".rstrip() for line in quoted.splitlines())
        case Table():
            return _table(block)
        case Gallery():
            listed = _list([", ".join(picture.lines) for picture in block.pictures])
            return f"*{plain_markdown(block.caption)}*\n\n{listed}"
        case _:
            caption = plain_markdown(block.caption)
            return f"![{caption}](figures/{block.name}.png)\n\n*{caption}*"


def _key_number(item: KeyNumber) -> str:
    number, title, text = map(plain_markdown, (item.number, item.title, item.text))
    return f"- **{number}** {title}. {text}"


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {plain_markdown(item)}" for item in items)


def _table(table: Table) -> str:
    rows = [
        [f"**{cell}**" if cell and number in table.strong else cell for cell in map(plain_markdown, row)]
        for number, row in enumerate(table.rows)
    ]
    lines = table_in_markdown([*map(plain_markdown, table.columns)], rows)
    return f"*{plain_markdown(table.caption)}*\n\n{lines}"


def table_in_markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table in GitHub's Markdown; the cells are Markdown already."""
    lines = (titles, ["---"] * len(titles), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain_markdown(text: str) -> str:
    """Returns `text` on one line in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>|#~&$])", r"\\\1", " ".join(text.split()))
