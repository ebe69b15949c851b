def program(text):
    """Attends to signs and resting places, the farther the more for signs, and keeps a little for near tokens."""
    return text.softmax(
        2.4 * text.first_token
        + 2.0 * text.key.resting_place
        - 0.5 * text.log_distance
        + 0.4 * text.key.punctuation * text.log_distance
        + 1.0 * text.key.full_stop
        + 0.5 * text.key.frequent_first
        + 0.8 * text.key.comma
        + 0.6 * text.query.word_start * text.previous_token
        + 0.5 * text.self_token
        + 1.0 * text.key.newline
        + 0.1 * text.key.second_sink * text.log_distance
        + 0.5 * text.offset(2)
        + 0.5 * text.key.conjunction
    )
