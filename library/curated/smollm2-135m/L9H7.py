def program(text):
    """Rests on the first token and resting places; full stops find earlier full stops and line breaks, quotes find quotes."""
    return text.softmax(
        5.0 * text.first_token
        + 1.8 * text.key.resting_place
        + 1.7 * text.key.governed_the
        + 0.4 * text.key.second_sink * text.log_distance
        - 0.5 * text.log_distance
        + 2.0 * text.key.blank
        + 4.9 * text.query.full_stop * text.key.full_stop
        - 2.2 * text.query.full_stop * text.self_token
        + 3.1 * text.query.preposition * text.previous_token
        + 0.5 * text.self_token
        + 0.6 * text.previous_token
        + 6.1 * text.query.full_stop * text.key.newline
        + 1.5 * text.query.newline * text.key.newline
        + 1.8 * text.query.quote * text.key.quote
    )
