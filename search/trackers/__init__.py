"""Trackers besides the terminal: TensorBoard, MLflow and Weights & Biases."""
