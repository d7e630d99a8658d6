"""Mistakes in the report, to be looked at: a gallery of the most wrong pictures, and the worst groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_prep.class_names import printable, shown_name
from data_prep.groups import group_nouns
from data_prep.storage.remote import located
from search.report.document import Block, Gallery, GalleryPicture, Table
from search.statistics.number_text import decimal


def mistakes_blocks(found: Any, name: str, names: Sequence[str], group_kind: str) -> Iterator[Block]:
    """Yields what `search.study.comparison.breakdown_of` kept of mistakes; `names` are those of the classes.

    `name` begins the name of the gallery. What is damaged is left out.
    """
    if not isinstance(found, Mapping):
        return
    noun, _ = group_nouns(group_kind)
    pictures = [
        picture for row in _rows(found.get("pictures")) for picture in _picture(found, row, names, noun)
    ]
    if pictures:
        caption = "The most wrong pictures of each class: those whose own class got the lowest probability"
        yield Gallery(name=f"{name}-gallery", caption=caption, pictures=pictures)
    groups = [
        (shown_name(str(row.get("group"))), str(row.get("n")), str(row.get("wrong")))
        for row in _rows(found.get("groups"))
    ]
    if groups:
        caption = f"The {noun} with the most wrong images" if len(groups) == 1 else "Where most are wrong"
        yield Table(caption=caption, columns=(noun, "images", "wrong"), rows=groups)


def _picture(
    found: Mapping[str, Any], row: Mapping[str, Any], names: Sequence[str], noun: str
) -> Iterator[GalleryPicture]:
    path, label, said = str(row.get("path")), row.get("label", -1), row.get("said", -1)
    numbers = range(len(names))
    # a study may come from elsewhere: no picture outside its own folder gets into the page
    if label not in numbers or said not in numbers or ".." in path.split("/") or path.startswith("/"):
        return
    group = row.get("group")
    yield GalleryPicture(
        located(str(found.get("root"))) / path,
        [
            f"{shown_name(names[label])}, said {shown_name(names[said])}",
            f"{decimal(row.get('probability'), 3)} against {decimal(row.get('of_its_class'), 3)}",
            *([f"{noun} {shown_name(str(group))}"] if group is not None else []),
            printable(path.rpartition("/")[2]),
        ],
    )


def _rows(values: Any) -> Sequence[Mapping[str, Any]]:
    return [row for row in values if isinstance(row, dict)] if isinstance(values, list | tuple) else []
