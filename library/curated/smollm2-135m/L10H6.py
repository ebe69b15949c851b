def program(text):
    """Attends to full stops and, from far away, to the second sink; an article looks at the token before it."""
    return text.softmax(
        -0.9 * text.log_distance
        + 1.0 * text.key.second_sink * text.log_distance
        + 1.7 * text.key.resting_place
        - 1.0 * text.key.second_sink
        + 1.9 * text.first_token
        + 1.4 * text.key.full_stop
        + 0.7 * text.previous_token
        - 1.2 * text.query.full_stop * text.self_token
        + 1.2 * text.query.article * text.previous_token
        - 0.6 * text.last_full_stop
        - 0.5 * text.query.content_word * text.previous_token
        - 1.1 * text.key.digit
        - 0.3 * text.key.governed_the
    )
