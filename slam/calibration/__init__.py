"""Calibrating cameras with a printed board: print it, find it, choose views, solve, and say how sure the answer is.

A board's frame has its origin at the outer corner of its first square, x along a row, y down the rows, z into the wall.
"""
