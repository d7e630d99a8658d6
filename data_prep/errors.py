"""The one exception that a command turns into a sentence, and other errors within one."""


class InputError(ValueError):
    """An expected failure: what is wrong, where, and what to do, in one sentence (exit code 1)."""


class StorageError(InputError):
    """A storage that cannot be used, with the system's number and words of why; it crosses processes."""

    def __init__(self, said: str, errno: int | None, strerror: str) -> None:
        super().__init__(said, errno, strerror)
        self.errno, self.strerror = errno, strerror

    def __str__(self) -> str:
        return str(self.args[0])


def reason_of(error: Exception) -> str:
    """Returns why a file cannot be used: what the system says of it, or the text of `error` on one line."""
    return getattr(error, "strerror", None) or in_one_line(error)


def in_one_line(error: Exception, letters: int = 300) -> str:
    """Returns the text of `error` on one line, at most so many `letters`; its kind where it has none."""
    return " ".join(str(error).split())[:letters] or type(error).__name__
