"""What a person puts into the folder of a study from outside: wishes to stop, and notes."""
