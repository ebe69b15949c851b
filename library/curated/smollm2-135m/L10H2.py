def program(text):
    """Attends to near signs and function words and from far away to the second sink; a determiner looks at the token before it."""
    return text.softmax(
        -1.4 * text.log_distance
        + 1.4 * text.key.second_sink * text.log_distance
        - 1.7 * text.key.second_sink
        + 1.7 * text.key.resting_place
        - 0.9 * text.self_token
        + 3.4 * text.query.determiner * text.previous_token
        + 0.7 * text.key.full_stop * text.log_distance
        - 0.9 * text.key.content_word
        + 1.7 * text.first_token
        + 0.6 * text.query.word_start * text.previous_token
        + 0.7 * text.key.comma
        - 1.4 * text.key.digit
        + 0.3 * text.query.past_first_sentence * text.key.second_sink
        + 0.3 * text.offset(2)
    )
