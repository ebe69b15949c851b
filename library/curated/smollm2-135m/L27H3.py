def program(text):
    """Attends to itself and to earlier copies of itself, from full stops to signs, and late in the text rests on the first token."""
    return text.softmax(
        -1.2 * text.log_distance
        + 5.3 * text.first_token
        - 1.3 * text.query.opening_32 * text.first_token
        + 0.6 * text.key.full_stop * text.log_distance
        + 1.8 * text.same_token
        - 1.2 * text.query.opening_8 * text.first_token
        - 0.6 * text.key.function_word * text.decay(16)
        + 1.6 * text.query.full_stop * text.key.punctuation
        + 0.3 * text.self_token
        + 1.0 * text.query.newline * text.self_token
        + 0.4 * text.previous_token
        + 0.5 * text.key.quote
        - 1.8 * text.key.blank
    )
