"""The command line of search.run: options, what contradicts what, and commands to copy."""
