"""Runs of a study in MLflow."""
