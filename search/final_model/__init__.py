"""The final model's file and its card."""
