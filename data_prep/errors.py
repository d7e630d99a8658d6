"""The one exception that a command turns into a sentence, and other errors within one."""


class InputError(ValueError):
    """An expected failure: what is wrong, where, and what to do, in one sentence (exit code 1)."""


def in_one_line(error: Exception, letters: int) -> str:
    """Returns the text of `error` on one line, at most so many `letters`; its kind where it has none."""
    return " ".join(str(error).split())[:letters] or type(error).__name__
