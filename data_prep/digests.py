"""Digests: the first hexadecimal digits of a SHA-256, which name content."""

from __future__ import annotations

import hashlib
import json

DIGEST_LENGTH = 32


def digest_of_values(values: object, length: int = DIGEST_LENGTH) -> str:
    """Returns the digest of JSON values, whatever the order of their names."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:length]
