"""How well each program fits each head."""
