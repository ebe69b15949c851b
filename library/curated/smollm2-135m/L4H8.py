def program(text):
    """Rests on the first token and on resting places; signs, full stops and line breaks find their earlier copies."""
    return text.softmax(
        5.5 * text.first_token
        + 2.4 * text.key.resting_place
        + 2.3 * text.key.governed_the
        + 2.6 * text.key.blank
        + 0.2 * text.key.second_sink * text.log_distance
        - 0.3 * text.log_distance
        - 0.6 * text.query.punctuation * text.log_distance
        + 3.1 * text.query.punctuation * text.same_token
        + 0.4 * text.query.word_start * text.key.second_sink
        + 1.2 * text.query.full_stop * text.key.full_stop
        + 2.4 * text.query.newline * text.key.newline
        + 0.6 * text.same_token
        + 0.5 * text.self_token
    )
