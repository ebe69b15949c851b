def program(text):
    """Attends to the token two back, else to the first token."""
    return 0.2 * text.first_token + 0.8 * text.offset(2)
