"""The final model in one file, what it says of photographs, and other runtimes for it."""
