"""The map as one file: written step by step while a run goes on, checked to the last row when it is read.

A SQLite database of rows that each carry a digest (row.py): what observers saw, where keyframes and landmarks are, the
loops between them, and where every tracked frame was. A run that is killed at any moment leaves a whole map.
"""
