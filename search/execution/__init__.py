"""The run of a search: prepared from its options, held by one process, done with Ray."""
