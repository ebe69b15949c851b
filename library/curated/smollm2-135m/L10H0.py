def program(text):
    """Looks back at signs, line breaks, articles and conjunctions, hardly at itself, and from far away at the second sink."""
    return text.softmax(
        -1.3 * text.log_distance
        - 2.0 * text.self_token
        + 1.7 * text.key.punctuation
        - 1.7 * text.key.second_sink
        + 1.2 * text.key.second_sink * text.log_distance
        + 1.2 * text.key.article
        + 1.7 * text.key.newline
        + 0.9 * text.key.resting_place
        + 0.7 * text.key.sentence_opener
        - 0.5 * text.previous_token
        + 0.5 * text.key.full_stop
        + 1.2 * text.key.conjunction
        + 1.3 * text.key.blank
        - 0.8 * text.key.operator
    )
