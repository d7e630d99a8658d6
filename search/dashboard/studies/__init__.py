"""Several studies on one page: what they share, and in what they differ."""
