"""The one exception that a command turns into a sentence, and other errors within one."""


class InputError(ValueError):
    """An expected failure: what is wrong, where, and what to do, in one sentence (exit code 1)."""


def in_one_line(error: Exception, letters: int) -> str:
    """Returns at most so many letters of what `error` says, on one line; its kind where it says nothing."""
    return " ".join(str(error).split())[:letters] or type(error).__name__
