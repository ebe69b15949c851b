"""The attention pattern of every head on every text."""
