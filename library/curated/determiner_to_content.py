def program(text):
    """Attends from content words to the last determiner, else to the first token."""
    return text.query.content_word * text.last_determiner + 0.4 * text.first_token
