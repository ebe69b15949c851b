def program(text):
    """Attends two to five tokens back, and from far away to the second sink; sentence ends rest on the first token."""
    return text.softmax(
        4.0 * text.first_token
        - 0.7 * text.log_distance
        + 0.6 * text.key.second_sink * text.log_distance
        + 1.2 * text.key.resting_place
        + 1.2 * text.offset(3)
        + 1.0 * text.offset(2)
        + 1.1 * text.offset(4)
        + 1.5 * text.query.newline * text.first_token
        + 0.5 * text.key.governed_the
        + 0.8 * text.key.blank
        + 0.4 * text.key.punctuation
        + 0.8 * text.offset(5)
        + 0.5 * text.key.full_stop
        + 0.8 * text.query.full_stop * text.first_token
    )
