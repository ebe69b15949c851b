def program(text):
    """Gathers full stops, commas, line breaks and resting places from anywhere, and earlier copies of words, not of signs."""
    return text.softmax(
        3.3 * text.first_token
        + 2.1 * text.key.full_stop
        + 2.0 * text.key.comma
        + 2.0 * text.key.resting_place
        + 0.6 * text.key.frequent_first
        + 0.4 * text.log_distance
        + 2.2 * text.same_token
        - 0.6 * text.key.past_first_sentence
        - 1.8 * text.query.punctuation * text.same_token
        + 0.5 * text.key.punctuation
        + 4.0 * text.query.token_length * text.self_token
        + 1.8 * text.key.newline
        + 0.4 * text.key.function_word
        + 1.9 * text.query.auxiliary * text.same_token
    )
