"""Figures, one per file: each function takes tables and returns a matplotlib figure."""
