def program(text):
    """Attends to the last punctuation, and to the first token."""
    return 0.5 * text.last_punctuation + 0.5 * text.first_token
