def program(text):
    """Attends to content words, not to the text's first, and to full stops; content words and full stops rest on the first token."""
    return text.softmax(
        4.9 * text.first_token
        - 0.7 * text.log_distance
        + 1.1 * text.key.content_word
        + 1.3 * text.query.content_word * text.first_token
        - 1.1 * text.first_content_word
        - 1.0 * text.query.opening_32 * text.first_token
        - 1.2 * text.query.opening_16 * text.first_token
        + 1.1 * text.key.full_stop
        + 1.2 * text.query.full_stop * text.first_token
        + 0.5 * text.key.long_piece
    )
