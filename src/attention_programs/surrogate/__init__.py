"""Heads replaced by programs: the intervention, what it costs, and the record of it."""
