"""The space that was tried: figures on all trials of a study, whatever search they are of."""
