"""Matching as a tool of its own: two pictures and a drawing, or lists of pairs and files in hloc's layout."""
