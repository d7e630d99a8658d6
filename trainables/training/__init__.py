"""One configuration, or many of one shape, trained epoch by epoch."""
