"""python -m search.run: tunes stage by stage or jointly, and names the winner."""

# PYTHON_ARGCOMPLETE_OK
from __future__ import annotations

import time
import warnings
from collections.abc import Sequence

from data_prep.command_line.console import print_warning
from data_prep.command_line.exit_codes import end_process, exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `argv`; returns 0 done, 1 failed, told in one line, 2 wrong usage, 130 interrupted."""
    warnings.showwarning = print_warning
    return exit_code(
        lambda: _run(argv), "interrupted: finished trials are kept; the same command again continues"
    )


def _run(argv: Sequence[str] | None) -> None:
    started = time.perf_counter()
    # here, as they take a second or more: a signal that comes meanwhile ends the search with its sentence
    from search.options.parser import parse_options
    from search.output.dry_run import print_dry_run
    from search.output.result_printer import ResultPrinter, print_json
    from search.tuner import Tuner

    options = parse_options(argv)
    printer = ResultPrinter(options)
    tuner = Tuner(options, callbacks=[printer])
    if options.study.print_study_file:
        print(tuner.study_file(), end="")
        return
    if options.study.dry_run:
        print_dry_run(options, *tuner.plans(), tuner.ledger)
        return
    outcome = tuner.run()
    printer.show_end(outcome, tuner.folder)
    if options.study.json:
        print_json(outcome, tuner.ledger, time.perf_counter() - started)


if __name__ == "__main__":
    end_process(main())
