"""Texts and their splits: the first stage."""
