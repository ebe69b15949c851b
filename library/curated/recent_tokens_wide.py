def program(text):
    """Attends to recent tokens, fading over sixteen positions."""
    return text.decay(16)
