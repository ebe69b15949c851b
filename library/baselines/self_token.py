def program(text):
    """Attends to the token itself."""
    return text.self_token
