def program(text):
    """Attends to signs, line breaks, conjunctions and resting places; full stops and line breaks count even from far away."""
    return text.softmax(
        2.9 * text.key.resting_place
        + 2.9 * text.first_token
        - 0.6 * text.log_distance
        + 0.4 * text.key.full_stop * text.log_distance
        + 1.5 * text.key.comma
        + 0.9 * text.key.full_stop
        + 1.6 * text.key.newline
        + 0.6 * text.key.punctuation
        + 0.6 * text.key.frequent_first
        + 0.3 * text.key.second_sink * text.log_distance
        - 0.7 * text.key.second_sink
        + 0.4 * text.key.newline * text.log_distance
        + 1.2 * text.key.conjunction
        + 0.6 * text.previous_token
    )
