def program(text):
    """Attends evenly to near function words, full stops and commas, and from far away to the second sink."""
    return text.softmax(
        -0.8 * text.log_distance
        + 0.8 * text.key.second_sink * text.log_distance
        - 1.0 * text.key.second_sink
        + 0.5 * text.key.function_word * text.current_sentence
        + 1.1 * text.first_token
        - 0.3 * text.key.content_word
        + 0.5 * text.key.resting_place
        + 0.5 * text.query.past_first_sentence * text.key.second_sink
        - 0.3 * text.self_token
        + 0.5 * text.key.full_stop
        - 0.4 * text.key.preposition
        + 0.4 * text.key.comma
        - 0.4 * text.key.pronoun
    )
