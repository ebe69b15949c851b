"""Runs untrusted programs where they can reach nothing."""
