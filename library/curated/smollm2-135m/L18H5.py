def program(text):
    """Attends to the last four tokens, conjunctions and signs first; ends and openings of sentences rest on the first token."""
    return text.softmax(
        -0.9 * text.log_distance
        + 5.3 * text.first_token
        + 2.2 * text.previous_token
        + 2.5 * text.offset(2)
        - 1.4 * text.query.opening_16 * text.first_token
        + 0.8 * text.query.word_start * text.previous_token
        + 1.2 * text.self_token
        + 1.8 * text.query.full_stop * text.first_token
        + 1.4 * text.query.sentence_opener * text.first_token
        + 1.8 * text.offset(3)
        + 0.4 * text.key.punctuation
        + 0.8 * text.key.conjunction
        + 0.4 * text.key.preposition
        + 1.1 * text.offset(4)
    )
