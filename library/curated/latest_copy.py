def program(text):
    """Attends to the latest copy of the same word; rests on the first token."""
    return text.latest_same_token + 0.5 * text.same_word + 0.3 * text.first_token
