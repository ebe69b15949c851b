"""Figures, one a file: each function takes tables and returns a matplotlib figure."""
