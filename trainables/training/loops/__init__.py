"""Steps of a head in a loop inside of a compiled program, on each backend."""
