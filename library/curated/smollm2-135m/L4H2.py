def program(text):
    """Rests on the first token and on resting places; content words keep to themselves, prepositions look at the token before."""
    return text.softmax(
        3.3 * text.first_token
        - 0.5 * text.row_position
        + 2.3 * text.key.resting_place
        + 0.5 * text.key.second_sink * text.log_distance
        + 1.4 * text.key.governed_the
        + 1.9 * text.key.blank
        - 0.4 * text.log_distance
        + 1.9 * text.query.content_word * text.self_token
        + 0.4 * text.query.past_first_sentence * text.key.resting_place
        + 3.2 * text.query.preposition * text.previous_token
        - 0.3 * text.key.second_sink
    )
