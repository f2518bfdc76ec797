"""Loops: places seen again, verified by their pictures, and what they do to the map."""
