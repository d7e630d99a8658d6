"""Callbacks, which are told of a search while it runs."""
