def program(text):
    """Spreads evenly over all tokens so far."""
    return text.uniform
