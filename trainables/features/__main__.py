"""python -m trainables.features: makes the rows that standard input asks for, for `head_start` of a search.

It reads a line of JSON: the `names` of rows, and what all of them are made of. A place in it is a path or an
address. It ends with the process that holds the other end of the pipe.
"""

from __future__ import annotations

import json
import sys

from trainables.process_setup import end_with_parent, prepare_process


def main() -> int:
    """Makes the rows; returns 1 where some cannot be made, which others will meet again, and say."""
    wanted = json.loads(sys.stdin.readline())
    end_with_parent()
    from data_prep.errors import InputError  # only now: the other process waits until the line is read
    from data_prep.storage.remote import located
    from trainables.features.extraction import BATCHES_AT_ONCE, extract

    prepare_process(wanted["keras_backend"], wanted["cpus"], batches=BATCHES_AT_ONCE)
    images, cache = (wanted["images"], wanted["digests"]), located(wanted["cache"])
    try:
        for name in wanted["names"]:
            extract(*images, name, wanted["weights"], cache, wanted["precision"])
    except InputError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
