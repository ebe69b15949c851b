def program(text):
    """Attends to earlier copies of the token; rests on the first token."""
    return text.same_token + 0.2 * text.first_token
