def program(text):
    """Attends to the previous token and from far away to the second sink and articles, else rests on the first token."""
    return text.softmax(
        -1.1 * text.log_distance
        + 0.8 * text.key.second_sink * text.log_distance
        + 2.1 * text.key.resting_place
        + 1.8 * text.previous_token
        + 0.4 * text.key.article * text.log_distance
        + 3.3 * text.first_token
        - 0.7 * text.key.second_sink
        + 1.1 * text.offset(2)
        + 1.3 * text.key.blank
        + 0.4 * text.query.past_first_sentence * text.key.second_sink
        + 0.2 * text.self_token
    )
