"""Photographs of somebody's own: the layout of their folder, their CSV file, and the rules for both."""
