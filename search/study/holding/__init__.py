"""Who runs a study: one process at a time, on one machine and between machines."""
