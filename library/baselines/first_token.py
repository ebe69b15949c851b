def program(text):
    """Attends to the first token."""
    return text.first_token
