def program(text):
    """Rests on the first token and on resting places; near it looks at opening marks: quotes, brackets, operators and capitals."""
    return text.softmax(
        4.7 * text.first_token
        + 2.9 * text.key.resting_place
        - 0.9 * text.log_distance
        + 0.6 * text.key.second_sink * text.log_distance
        + 0.8 * text.query.word_start * text.key.second_sink
        + 0.5 * text.key.capitalised
        + 1.0 * text.previous_token
        + 1.1 * text.offset(2)
        - 0.8 * text.query.punctuation * text.first_token
        + 1.2 * text.key.quote
        + 2.2 * text.open_bracket
        + 1.0 * text.key.operator
        + 0.9 * text.offset(3)
        - 0.3 * text.key.governed_the
    )
