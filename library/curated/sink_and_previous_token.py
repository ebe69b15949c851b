def program(text):
    """Attends to the first token and to the previous token."""
    return 0.5 * text.first_token + 0.5 * text.previous_token
