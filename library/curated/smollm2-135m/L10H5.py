def program(text):
    """Attends to the last two tokens, function words first, and from far away to the second sink."""
    return text.softmax(
        -1.3 * text.log_distance
        + 1.4 * text.key.second_sink * text.log_distance
        + 1.1 * text.previous_token
        + 4.1 * text.first_token
        + 1.8 * text.offset(2)
        + 0.7 * text.query.word_start * text.previous_token
        - 0.7 * text.key.content_word
        + 1.5 * text.query.determiner * text.previous_token
        + 0.6 * text.previous_word
        + 0.5 * text.key.resting_place
        + 0.4 * text.key.second_sink
        + 0.4 * text.query.past_first_sentence * text.key.second_sink
        + 0.6 * text.key.full_stop
    )
