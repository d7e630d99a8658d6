"""A search logged to Weights & Biases, by a process of its own that nobody waits for."""
