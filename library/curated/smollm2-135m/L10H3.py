def program(text):
    """Attends to itself, to earlier copies of signs and from far away to the second sink and resting places."""
    return text.softmax(
        -1.2 * text.log_distance
        + 1.1 * text.key.second_sink * text.log_distance
        + 3.4 * text.first_token
        + 1.3 * text.key.resting_place
        - 0.9 * text.key.second_sink
        + 0.8 * text.query.content_word * text.self_token
        + 0.7 * text.key.article
        + 0.5 * text.self_token
        + 2.3 * text.near_same_token(32)
        + 0.8 * text.key.full_stop
        + 1.4 * text.query.punctuation * text.same_token
        - 1.0 * text.query.full_stop * text.self_token
        + 0.7 * text.key.blank
        + 0.3 * text.query.past_first_sentence * text.key.second_sink
    )
