"""The one exception that a command turns into a sentence."""


class InputError(ValueError):
    """An expected failure: what is wrong, where, and what to do, in one sentence (exit code 1)."""
