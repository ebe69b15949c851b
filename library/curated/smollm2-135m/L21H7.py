def program(text):
    """Rests on the first token, least early in the text and from function words and digits; else looks at near content words."""
    return text.softmax(
        4.3 * text.first_token
        - 0.8 * text.log_distance
        - 0.5 * text.query.opening_32 * text.first_token
        - 0.6 * text.query.opening_16 * text.first_token
        - 0.5 * text.query.function_word * text.first_token
        + 0.3 * text.key.content_word
        + 1.0 * text.induction
        - 1.1 * text.query.digit * text.first_token
        + 0.5 * text.key.full_stop
        + 0.2 * text.key.first_occurrence
        - 0.6 * text.query.comma * text.first_token
        + 0.2 * text.self_token
        + 0.8 * text.near_same_token(32)
    )
