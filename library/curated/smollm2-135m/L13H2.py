def program(text):
    """Attends to the last three tokens; function words, verbs and ends of sentences rest on the first token."""
    return text.softmax(
        6.1 * text.first_token
        + 3.5 * text.previous_token
        - 0.5 * text.log_distance
        + 4.6 * text.offset(2)
        + 1.5 * text.query.function_word * text.first_token
        + 1.7 * text.query.word_start * text.previous_token
        + 3.9 * text.offset(3)
        + 3.0 * text.self_token
        + 1.9 * text.query.newline * text.first_token
        + 1.4 * text.query.full_stop * text.first_token
        + 1.6 * text.query.verb_like * text.first_token
        - 4.3 * text.query.opening_4 * text.first_token
        - 0.4 * text.query.opening_16 * text.first_token
        + 0.2 * text.key.function_word
    )
