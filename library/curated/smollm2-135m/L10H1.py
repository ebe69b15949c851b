def program(text):
    """Attends to a near verb, preposition or full stop rather than to itself, and from far away to the second sink."""
    return text.softmax(
        -2.0 * text.log_distance
        - 2.6 * text.self_token
        + 2.0 * text.key.second_sink * text.log_distance
        - 1.6 * text.key.second_sink
        + 1.3 * text.query.word_start * text.previous_token
        - 0.9 * text.previous_token
        + 1.5 * text.key.verb_like
        + 0.8 * text.query.past_first_sentence * text.key.second_sink
        + 2.0 * text.first_token
        + 0.9 * text.query.content_word * text.offset(2)
        + 0.5 * text.key.function_word
        + 0.9 * text.key.preposition
        + 0.9 * text.key.auxiliary
        + 0.9 * text.key.full_stop
    )
