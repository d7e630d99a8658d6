"""Damage of JPEG files that decode without an error: data that ends early, with something else in its place.

libjpeg takes missing data for zeros and goes on. What it makes of them looks like a picture: a pattern where
the file has zeros, an even grey where it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

Places = npt.NDArray[np.intp]

ZEROS = (
    64  # bytes in a row; libjpeg's code for nothing at all in a block never has so many, but see `_is_flat`
)
FILLING = 16  # equal bytes where a file should have its end
MOST_SCANS = 200  # of a progressive file; an encoder writes about ten, and each is decoded at the full size
BLOCK = 8  # pixels a side: what JPEG codes at once
# after 0xff: a byte of the data, where decoding may start anew, and a filling before the marker
_IS_MARKER = np.array([value not in (0, *range(0xD0, 0xD8), 0xFF) for value in range(256)])
_GREY = (128, 128, 128)  # of a block of which nothing is known
_SOI, _EOI, _SOS, _DHT = 0xD8, 0xD9, 0xDA, 0xC4
_PROGRESSIVE, _BASELINE = 0xC2, (0xC0, 0xC1)


@dataclass
class _Tables:
    """What the segments before a scan have said; `zeros` has what a code of zeros stands for, by table."""

    frame: int = 0
    zeros: dict[int, int] = field(default_factory=dict)


def data_problem(content: bytes) -> str:
    """Returns what is wrong with the compressed data of a JPEG file, in words; "" where nothing is seen."""
    tables, scans = _Tables(), 0
    places = _marker_places(content)
    for marker, start, body in _segments(content, places):
        if marker == _EOI:
            return ""
        if marker == _DHT:
            tables.zeros.update(_codes_of_zeros(content[start:body]))
        elif 0xC0 <= marker <= 0xCF:
            tables.frame = marker
        elif marker == _SOS:
            scans += 1
            if scans > MOST_SCANS:
                return f"it has more than {MOST_SCANS} scans"
            if _has_zeros(content, start, body, tables, _next_marker(places, body)):
                return "zeros stand in the place of its data"
    return "it has no end, but a filling" if len(set(content[-FILLING:])) == 1 else ""


def fill_problem(image: Image.Image) -> str:
    """Returns what in the pixels of a JPEG file, as they lie in it, tells that its data ended early; else "".

    Half of the picture or more is one value, or what the decoder knows nothing of: a grey that begins in
    the middle of a line of blocks and goes on to the end.
    """
    if not ends_in_one_value(image):
        return ""
    pixels = np.asarray(image)
    last = pixels[-1, 0]
    differs = (pixels != last).any(axis=(1, 2))
    first = image.height - int(differs[::-1].argmax()) if differs.any() else 0
    if 2 * first <= image.height:
        return "half of it or more is one value"
    if tuple(last.tolist()) == _GREY and image.height - first >= BLOCK:
        above = (pixels[first - BLOCK // 2] != last).any(axis=1)
        if above[:BLOCK].any() and not above[-BLOCK:].any():
            return "its end is an even grey"
    return ""


def ends_in_one_value(image: Image.Image) -> bool:
    """Returns whether the last row of an RGB picture is of one value: else `fill_problem` finds nothing."""
    return is_one_value(image.crop((0, image.height - 1, image.width, image.height)))


def is_one_value(image: Image.Image) -> bool:
    """Returns whether all pixels of an RGB picture are equal."""
    return all(band.getextrema()[0] == band.getextrema()[1] for band in image.split())


def _segments(content: bytes, places: Places) -> Iterator[tuple[int, int, int]]:
    """Yields each marker with where its segment starts and where the data behind it does."""
    place = 2
    while (found := _next_marker(places, place)) >= 0:
        marker, start = content[found], found + 1
        length = 0 if marker in (_SOI, _EOI, 0x01) else int.from_bytes(content[start : start + 2], "big")
        yield marker, start, start + length
        place = start + length


def _marker_places(content: bytes) -> Places:
    """Returns where the second byte of each marker is; data has 0xff, too."""
    # by numpy at once: a loop in Python holds the interpreter, for which the threads that decode wait
    values = np.frombuffer(content, np.uint8)
    seconds: Places = np.flatnonzero(values[:-1] == 0xFF) + 1
    places: Places = seconds[_IS_MARKER[values[seconds]]]
    return places


def _next_marker(places: Places, place: int) -> int:
    """Returns the first of the `places` of a marker from `place` on, -1 where there is none."""
    number = int(np.searchsorted(places, place + 1))
    return int(places[number]) if number < len(places) else -1


def _codes_of_zeros(segment: bytes) -> dict[int, int]:
    """Returns for each Huffman table, by its class and number, the symbol whose code is zeros alone.

    It is the first symbol: codes of one length count up from zero, and the shortest come first.
    """
    found, place = {}, 2
    while place + 17 < len(segment):
        found[segment[place]] = segment[place + 17]
        place += 17 + sum(segment[place + 1 : place + 17])
    return found


def _has_zeros(content: bytes, start: int, body: int, tables: _Tables, end: int) -> bool:
    """Returns whether the scan's data, up to `end` (-1: of the file), has zeros that no encoder writes."""
    zeros = content.find(bytes(ZEROS), body)
    if zeros < 0:
        return False
    return (end < 0 or zeros < end) and not _may_be_zeros(content[start:body], tables)


def _may_be_zeros(header: bytes, tables: _Tables) -> bool:
    """Returns whether an encoder may write many zeros in this scan: for blocks that are all alike."""
    count = header[2] if len(header) > 2 else 0
    if len(header) < 6 + 2 * count:
        return True  # the decoder will say what is wrong with it
    numbers = [header[4 + 2 * component] for component in range(count)]
    dc_alike = all(tables.zeros.get(number >> 4) == 0 for number in numbers)
    ac_ends = all(tables.zeros.get(0x10 | number & 15) == 0 for number in numbers)
    if tables.frame in _BASELINE:
        return dc_alike and ac_ends
    if tables.frame != _PROGRESSIVE:
        return True
    first, approximation = header[3 + 2 * count], header[5 + 2 * count]
    # a bit for each block in the refinement of means; ends of blocks are counted, not repeated, elsewhere
    return first == 0 and (dc_alike or approximation >> 4 > 0)
