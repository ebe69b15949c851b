def program(text):
    """Attends from punctuation to the first token, from other tokens to the previous one."""
    at_rest = text.query.punctuation
    return at_rest * text.first_token + (1 - at_rest) * (0.5 * text.previous_token + 0.5 * text.first_token)
