def program(text):
    """Attends to the last verb; rests on the first token."""
    return 0.5 * text.last_verb_like + 0.5 * text.first_token
