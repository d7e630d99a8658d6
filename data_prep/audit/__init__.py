"""The audit of a manifest: what is wrong with the pictures and their labels, before the first trial."""
