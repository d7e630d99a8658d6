"""One trial: what its page says of it beside its curves."""
