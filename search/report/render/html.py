"""HTML file of the report, which needs nothing else: its figures are drawings inside it, no program is."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from data_prep.pictures.thumbnail import thumbnail
from search.report.document import (
    Alert,
    Block,
    Bullets,
    Document,
    Figure,
    Gallery,
    GalleryPicture,
    KeyNumbers,
    Paragraph,
    PngImage,
    Section,
    Table,
)
from search.report.render.matplotlib_figures import drawing, picture

_SHORT = 18  # characters
_LARGEST_DRAWING = 150_000  # bytes; that of thousands of trials is larger than its picture


def to_html(document: Document) -> str:
    """Returns the report as HTML; the same document gives the same text."""
    style = files("search.report").joinpath("page.css").read_text("utf-8")
    title = escape(document.title)
    contents = "".join(
        f'<li><a href="#{section.name}">{escape(section.title)}</a></li>' for section in document.sections
    )
    first, *others = map(_section, document.sections)
    sections = "\n".join(others)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>Made on {escape(document.made_on)}. {escape(document.remark)}</p>
</header>
<main>
{first}
<nav aria-label="Contents"><ol>{contents}</ol></nav>
{sections}
</main>
</body>
</html>
"""


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    name = section.name
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">\n'
        f'<h2 id="{name}-title">{escape(section.title)}</h2>\n{blocks}\n</section>'
    )


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"<p>{escape(block.text)}</p>"
        case Bullets():
            return _list(block.items)
        case KeyNumbers():
            return _key_numbers(block)
        case Alert():
            title = escape(block.title)
            return f'<div class="alert" role="note"><strong>{title}</strong>{_list(block.items)}</div>'
        case Table():
            return _table(block)
        case PngImage():
            return _photo(block)
        case Gallery():
            return _gallery(block)
        case _:
            return _figure(block)


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "\n".join(_row(row, number in table.strong) for number, row in enumerate(table.rows))
    caption = escape(table.caption)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{caption}">\n'
        f"<table><caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(cells: Sequence[str], strong: bool) -> str:
    heading, *others = cells
    data = "".join(f"<td{_width(cell)}>{escape(cell)}</td>" for cell in others)
    return f'<tr{" class=strong" if strong else ""}><th scope="row">{escape(heading)}</th>{data}</tr>'


def _width(cell: str) -> str:
    """Returns the class of a cell: figures with a spread stay on one line, long digests break anywhere."""
    if len(cell) <= _SHORT:
        return " class=short"
    return " class=long" if max(map(len, cell.split())) > _SHORT else ""


def _figure(figure: Figure) -> str:
    caption, wide = escape(figure.caption), " wide" if len(getattr(figure, "panels", "1")) > 1 else ""
    return (
        f'<figure class="chart{wide}"><img src="{_drawn(figure)}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _drawn(figure: Figure) -> str:
    """Returns the figure as an address that holds it: a drawing, or a picture where that is smaller."""
    svg = drawing(figure)
    if len(svg) <= _LARGEST_DRAWING:
        return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return f"data:image/png;base64,{base64.b64encode(picture(figure)).decode()}"


def _key_numbers(numbers: KeyNumbers) -> str:
    items = "".join(
        f"<li><strong>{escape(item.number)}</strong><em>{escape(item.title)}</em>"
        f"<span>{escape(item.text)}</span></li>"
        for item in numbers.items
    )
    return f'<ul class="numbers">{items}</ul>'


def _photo(photo: PngImage) -> str:
    caption = escape(photo.caption)
    data = base64.b64encode(photo.png).decode()
    return (
        f'<figure><img class="photo" src="data:image/png;base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _gallery(gallery: Gallery) -> str:
    pictures, caption = "\n".join(map(_picture, gallery.pictures)), escape(gallery.caption)
    return f'<figure><figcaption>{caption}</figcaption>\n<ul class="gallery">\n{pictures}\n</ul></figure>'


def _picture(picture: GalleryPicture) -> str:
    data, words = base64.b64encode(thumbnail(picture.path)).decode(), escape(", ".join(picture.lines))
    shown = (
        f'<img src="data:image/jpeg;base64,{data}" alt="{words}">'
        if data
        else '<span class="gone">the picture is not here</span>'
    )
    return f"<li>{shown}{''.join(f'<span>{escape(line)}</span>' for line in picture.lines)}</li>"
