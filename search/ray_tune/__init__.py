"""Ray: workers and what they report, searchers, schedulers, nodes. Nothing else in search imports it."""
