def program(text):
    """Rests on the first token and on resting places; full stops and line breaks look back at earlier full stops and commas."""
    return text.softmax(
        4.4 * text.first_token
        + 1.7 * text.key.resting_place
        - 0.5 * text.log_distance
        + 1.1 * text.key.governed_the
        + 0.3 * text.key.second_sink * text.log_distance
        + 1.6 * text.key.blank
        + 1.2 * text.key.full_stop
        - 1.9 * text.query.full_stop * text.first_token
        + 1.1 * text.key.comma
        + 0.3 * text.key.second_sink
        - 1.1 * text.query.newline * text.first_token
    )
