"""Those who are told of a search while it runs."""
