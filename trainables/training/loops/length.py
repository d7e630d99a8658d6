"""The length of a loop of steps; Keras is not imported."""

STEPS = 32  # Python is asked once for 32 steps of a few milliseconds each
ROWS = 2048  # of all batches of a loop, which lie in memory twice: those of 2048 features take 16 MB


def steps_of(rows: int) -> int:
    """Returns how many steps on batches of so many rows a loop has."""
    return max(1, min(STEPS, ROWS // rows))
