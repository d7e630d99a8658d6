"""Trackers besides the terminal: TensorBoard and Weights & Biases."""
