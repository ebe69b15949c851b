def program(text):
    """Attends to the open bracket or quotation mark, else to the first token."""
    return text.open_bracket + text.open_quote + 0.2 * text.first_token
