def program(text):
    """Attends to content words and pronouns of the sentence outside the current word; content words and articles rest on the first token."""
    return text.softmax(
        -1.3 * text.log_distance
        + 5.4 * text.first_token
        - 1.6 * text.query.opening_32 * text.first_token
        + 1.6 * text.query.content_word * text.first_token
        + 1.1 * text.key.content_word * text.current_sentence
        - 0.9 * text.current_word
        - 2.4 * text.query.opening_8 * text.first_token
        + 0.5 * text.current_sentence
        + 0.5 * text.previous_token
        + 1.3 * text.query.article * text.first_token
        + 0.8 * text.last_pronoun
        + 0.5 * text.offset(2)
        + 0.6 * text.key.pronoun
    )
