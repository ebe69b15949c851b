"""Figures: each function takes tables and returns a matplotlib figure."""
