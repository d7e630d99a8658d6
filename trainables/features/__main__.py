"""python -m trainables.features BACKEND CPUS: makes rows ahead, for `head_start` of a search.

It reads a line of JSON from standard input: the `names` of rows, and what all of them are made of. A place in
it is a path or an address. With the name of rows and of weights behind the words it builds and compiles what
makes such rows before there is a line. It ends with the process that holds the other end of the pipe.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from trainables.process_setup import end_with_parent, hide_gpus, prepare_process


def main() -> int:
    """Makes the rows; returns 1 where some cannot be made, which others will meet again, and say."""
    # a thread, so that the other process does not wait for the imports with a long line
    reading = ThreadPoolExecutor(1).submit(sys.stdin.readline)
    from data_prep.errors import InputError
    from data_prep.storage.remote import located
    from trainables.features.extraction import BATCHES_AT_ONCE, ForwardPass, extract
    from trainables.features.inputs import find_rows

    keras_backend, cpus, *expected = sys.argv[1:]
    hide_gpus()  # nobody asked for one
    prepare_process(keras_backend, int(cpus), batches=BATCHES_AT_ONCE)
    early = None
    if expected:
        name, weights = expected
        early = ForwardPass(find_rows(name), weights)
        early.warm_up()
    line = reading.result()
    if not line:  # nothing was to be made
        return 0
    end_with_parent()
    wanted = json.loads(line)
    images, cache = (wanted["images"], wanted["digests"]), located(wanted["cache"])
    try:
        for name in wanted["names"]:
            how = wanted["weights"], wanted["precision"]
            passing = early if early and early.of == (find_rows(name), *how) else None
            extract(*images, name, how[0], cache, how[1], passing=passing)
    except InputError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
