def program(text):
    """Rests on the first token, most from names; else finds earlier copies of the token, and from sentence ends earlier ends."""
    return text.softmax(
        4.5 * text.first_token
        - 0.6 * text.log_distance
        - 0.9 * text.query.opening_32 * text.first_token
        + 0.7 * text.self_token
        + 1.8 * text.same_token
        + 0.9 * text.key.full_stop
        + 1.4 * text.query.full_stop * text.key.punctuation
        + 2.1 * text.query.name_like * text.first_token
        - 0.3 * text.key.capitalised
        - 0.9 * text.query.auxiliary * text.first_token
        + 1.1 * text.query.newline * text.key.newline
        - 1.2 * text.near_same_token(8)
        + 1.2 * text.near_induction(8)
        - 0.9 * text.key.digit
    )
