"""Studies: the files in a study's folder, and their readers."""
