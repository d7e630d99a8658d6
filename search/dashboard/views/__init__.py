"""The parts of the page: each shows one of its tabs."""
