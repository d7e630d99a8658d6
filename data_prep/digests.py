"""Digests: the first hexadecimal digits of a SHA-256, which name content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

DIGEST_LENGTH = 32


def digest_of_values(values: object, length: int = DIGEST_LENGTH) -> str:
    """Returns the digest of JSON values, whatever the order of their names."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:length]


def digest_of_file(path: Path) -> str:
    """Returns all 64 digits of the digest of a file's bytes; raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
