"""Texts in, with their splits: the first stage of the way."""
