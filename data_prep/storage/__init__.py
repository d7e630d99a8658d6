"""Files that are whole or not there, on a disk or behind an address."""
