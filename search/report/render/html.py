"""HTML file of the report, which needs nothing else: plotly's program and all figures are inside."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from plotly.offline import get_plotlyjs

from data_prep.pictures.thumbnail import thumbnail
from search.report.document import (
    Alert,
    Block,
    Bullets,
    Document,
    Figure,
    Gallery,
    GalleryPicture,
    Paragraph,
    PngImage,
    Section,
    Table,
)
from search.report.render.plotly_figures import plotly_figures

_SHORT = 18  # characters


def to_html(document: Document) -> str:
    """Returns the report as HTML; the same document gives the same text."""
    style, script = (
        files("search.report").joinpath(name).read_text("utf-8") for name in ("page.css", "page.js")
    )
    title = escape(document.title)
    contents = "".join(
        f'<li><a href="#{section.name}">{escape(section.title)}</a></li>' for section in document.sections
    )
    sections = "\n".join(map(_section, document.sections))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><h1>{title}</h1><p>Made on {escape(document.made_on)}. {escape(document.remark)}</p>
</header>
<nav aria-label="Contents"><ol>{contents}</ol></nav>
<main>
{sections}
</main>
<script>
{script}</script>
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
    parts = "\n".join(_parts(figure))
    caption = escape(figure.caption)
    # where no script runs, the picture that lies beside the page is shown
    picture = f'<noscript><img src="figures/{figure.name}.png" alt="{caption}"></noscript>'
    return (
        f'<figure>\n<div class="panels">\n{parts}\n</div>\n'
        f"{picture}<figcaption>{caption}</figcaption></figure>"
    )


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


def _parts(figure: Figure) -> Iterator[str]:
    for name, title, description in plotly_figures(figure):
        safe = description.replace("<", "\\u003c")  # no text in it can end the script
        yield (
            f'<div class="plot" id="plot-{name}" role="img" aria-label="{escape(title)}"></div>\n'
            f'<script type="application/json" data-plot="plot-{name}">{safe}</script>'
        )
