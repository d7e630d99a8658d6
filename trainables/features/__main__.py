"""python -m trainables.features BACKEND CPUS: makes rows ahead, for `head_start` of a search.

It reads a line of JSON from standard input: the `names` of rows, and what all of them are made of. A place in
it is a path or an address. With the word EARLY behind them it imports Keras before there is a line. It ends
with the process that holds the other end of the pipe.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from trainables.process_setup import end_with_parent, import_keras, prepare_process

EARLY = "early"


def main() -> int:
    """Makes the rows; returns 1 where some cannot be made, which others will meet again, and say."""
    # a thread, so that the other process does not wait for the imports with a long line
    reading = ThreadPoolExecutor(1).submit(sys.stdin.readline)
    from data_prep.errors import InputError
    from data_prep.storage.remote import located
    from trainables.features.extraction import BATCHES_AT_ONCE, extract

    keras_backend, cpus, *when = sys.argv[1:]
    prepare_process(keras_backend, int(cpus), batches=BATCHES_AT_ONCE)
    if when == [EARLY]:
        import_keras()
    line = reading.result()
    if not line:  # nothing was to be made
        return 0
    end_with_parent()
    wanted = json.loads(line)
    images, cache = (wanted["images"], wanted["digests"]), located(wanted["cache"])
    try:
        for name in wanted["names"]:
            extract(*images, name, wanted["weights"], cache, wanted["precision"])
    except InputError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
