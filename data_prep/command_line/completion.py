"""Completion in the shell: a command's parser answers for it, through argcomplete.

The shell has to be told once: `source <(activate-global-python-argcomplete --dest=-)`. It then looks for
the marker PYTHON_ARGCOMPLETE_OK in a module before it asks it, so that no other program is ever run.
"""

from __future__ import annotations

import argparse
import os


def completing(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Returns `parser`; where a shell asks for completions instead, answers and ends the process."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    return parser
