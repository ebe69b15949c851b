def program(text):
    """Attends to the previous token."""
    return text.previous_token
