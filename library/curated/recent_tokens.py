def program(text):
    """Attends to the nearest tokens, fading over four positions."""
    return text.decay(4)
