"""The search of `optuna_search` with the frozen backbone inside the network, as its guides have it."""

from __future__ import annotations

import sys

from benchmarks.accuracy.optuna_search import main

if __name__ == "__main__":
    sys.exit(main(of_images=True))
