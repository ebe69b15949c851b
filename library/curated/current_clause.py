def program(text):
    """Attends evenly to the tokens of the current clause; rests on the first token."""
    return text.current_clause + text.first_token
