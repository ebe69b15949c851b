def program(text):
    """Attends from digits to the last operator, else to the first token."""
    return text.query.digit * text.last_operator + 0.3 * text.first_token
