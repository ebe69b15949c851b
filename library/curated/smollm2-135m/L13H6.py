def program(text):
    """Attends to new tokens of the sentence but not to its start or the current word; content words rest on the first token."""
    return text.softmax(
        5.4 * text.first_token
        - 1.0 * text.log_distance
        + 1.2 * text.query.content_word * text.first_token
        + 1.3 * text.key.first_occurrence * text.current_sentence
        - 1.2 * text.current_word
        - 1.3 * text.sentence_start
        - 1.2 * text.query.opening_16 * text.first_token
        + 0.8 * text.previous_token
        + 0.9 * text.last_preposition
        + 0.5 * text.self_token
        + 0.5 * text.offset(2)
        + 0.4 * text.key.long_piece
    )
