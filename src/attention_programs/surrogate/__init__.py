"""Heads replaced by programs: the intervention, its cost, and its record."""
