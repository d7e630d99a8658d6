"""Who runs a study: one process holds it, on one machine and between machines, and others may join."""
