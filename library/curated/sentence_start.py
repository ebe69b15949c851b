def program(text):
    """Attends to the start of the sentence, and to the first token."""
    return 0.5 * text.sentence_start + 0.5 * text.first_token
