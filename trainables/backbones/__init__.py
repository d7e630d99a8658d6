"""The networks below a head: a table of them, their weights, and their blocks."""
