"""JSON files that carry the digest of their content: one that changed since it was written is not read.

The digest is the file's first value, and that of all bytes after it as they were before it was put there:

    {
     "digest": "<64 hexadecimal digits of a SHA-256>",
     "format": 1,
     …
    }
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from data_prep.errors import InputError, reason_of
from data_prep.storage.atomic_files import write_whole
from data_prep.storage.regular_files import read_regular

MOST_BYTES = 2**28  # the largest joint search that was run has a file of 9 MB
MOST_LEVELS = 32  # of values within values; ours have eight
MOST_WHOLE = 2**63  # no number that we write is that large
_SEAL = re.compile(rb'\{\n "digest": "([0-9a-f]{64})",')
Value = TypeVar("Value")


class OtherFormatError(ValueError):
    """A format that this version does not read: the file is whole, of another version."""


@dataclass(frozen=True)
class Format:
    """The numbers of a file's format: `number` is written, from `oldest` on they are read.

    0 stands for a file without a number. Files of before `sealed_from` have no digest.
    """

    number: int
    sealed_from: int
    oldest: int

    def require(self, found: object, *, sealed: bool) -> None:
        """Raises ValueError for a number that this version does not read, and for a digest that is gone."""
        # True is 1 for Python, and no number of a format
        if type(found) is not int or not self.oldest <= found <= self.number:
            raise OtherFormatError(f"its format is {found!r}, this version reads {self}")
        if found >= self.sealed_from and not sealed:
            raise ValueError("it has lost its digest")

    def __str__(self) -> str:
        if self.oldest == self.number:
            return str(self.number)
        return f"{self.oldest or 'files without a number'} to {self.number}"


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes `values`, of which one is the `format`, with their digest, and makes the file's folder.

    The file is there whole or not at all. Raises ValueError for NaN.
    """
    content = sealed(values)
    write_whole(path, lambda file: file.write(content), makes_folder=True)


def sealed(values: Mapping[str, Any]) -> bytes:
    """Returns the content of the file that `write_json` writes; raises ValueError for NaN."""
    if "format" not in values:
        raise ValueError(f"a file carries the number of its format, received {sorted(values)}")
    body = json.dumps(values, indent=1, allow_nan=False).encode()
    digest = hashlib.sha256(body).hexdigest().encode()
    return b'{\n "digest": "' + digest + b'",' + body[1:] + b"\n"


def json_number(value: float | None) -> float | None:
    """Returns `value`, None where it is NaN or infinite, which JSON cannot say."""
    return value if value is not None and math.isfinite(value) else None


def read_json(path: Path, known: Format) -> dict[str, Any]:
    """Returns the values of a file, its format among them; 0 where a file has none.

    Raises OSError where it cannot be read, and ValueError as `parsed` does.
    """
    return parsed(read_regular(path, MOST_BYTES), known)


def require_unchanged(path: Path) -> None:
    """Raises ValueError where a file with a digest changed since it was written; quick, nothing is parsed."""
    _opened(read_regular(path, MOST_BYTES))


def parsed(content: bytes, known: Format) -> dict[str, Any]:
    """Returns the values of a file with that content; see `read_json`.

    Raises ValueError where it is damaged: changed since it was written, of another format, no JSON object,
    or with a number or a depth that no file of ours has.
    """
    body, is_sealed = _opened(content)
    try:
        values = json.loads(body)
    except RecursionError:
        raise ValueError(f"its values lie more than {MOST_LEVELS} levels deep") from None
    if not isinstance(values, dict):
        raise ValueError(f"it must hold a JSON object, it holds {type(values).__name__}")
    known.require(values.setdefault("format", 0), sealed=is_sealed)
    _require_sane(values)
    return values


def read_as(
    path: Path, known: Format, parse: Callable[[dict[str, Any]], Value], *, way_out: str
) -> Value | None:
    """Returns what `parse` makes of the values of a file without their format, None where there is no file.

    Raises InputError, which ends with the `way_out`, where the file is damaged or `parse` fails.
    """
    try:
        values = read_json(path, known)
        del values["format"]
        return parse(values)
    except (FileNotFoundError, NotADirectoryError):  # the latter where a file has the name of a folder
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # whatever stands there
        raise damaged(path, error, way_out) from error


def damaged(path: Path, error: Exception, way_out: str) -> InputError:
    """Returns what is said of a file that cannot be read."""
    reason = f"it has no {error}" if isinstance(error, KeyError) else reason_of(error)
    return InputError(f"{path} is damaged ({reason}); {way_out}")


def _opened(content: bytes) -> tuple[bytes, bool]:
    """Returns the content without its digest, and whether it had one; raises ValueError for another's."""
    seal = _SEAL.match(content)
    if not seal:
        return content, False
    body = b"{" + content[seal.end() :].removesuffix(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != seal[1] or not content.endswith(b"\n"):
        raise ValueError("its digest is not that of its content")
    return body, True


def _require_sane(values: dict[str, Any]) -> None:
    level: list[Any] = [values]
    for _ in range(MOST_LEVELS):
        below: list[Any] = []
        for value in level:
            for item in value.values() if type(value) is dict else value:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is float and not math.isfinite(item):
                    raise ValueError(f"it holds {item}, which is not finite")
                elif kind is int and not -MOST_WHOLE < item < MOST_WHOLE:
                    raise ValueError(f"it holds a number of {item.bit_length()} bits")
        if not below:
            return
        level = below
    raise ValueError(f"its values lie more than {MOST_LEVELS} levels deep")
