def program(text):
    """Attends to the start of the line and to the last line break; rests on the first token."""
    return 0.4 * text.line_start + 0.2 * text.last_newline + 0.4 * text.first_token
