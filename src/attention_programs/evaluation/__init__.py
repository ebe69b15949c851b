"""How a patched model answers questions."""
