"""The final model of a study, asked from the page."""
