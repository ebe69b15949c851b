def program(text):
    """Rests on the first token, most from signs; else attends to openings of sentences, and from sentence ends to earlier ends."""
    return text.softmax(
        -1.1 * text.log_distance
        + 3.5 * text.first_token
        - 1.4 * text.query.opening_32 * text.first_token
        + 1.7 * text.query.punctuation * text.first_token
        + 0.8 * text.key.sentence_opener
        - 0.9 * text.key.full_stop
        + 0.7 * text.key.full_stop * text.log_distance
        + 0.7 * text.key.punctuation
        - 1.3 * text.query.opening_8 * text.first_token
        + 1.6 * text.query.full_stop * text.key.full_stop
        + 1.4 * text.query.sentence_opener * text.first_token
        + 1.0 * text.same_token
        + 1.1 * text.query.newline * text.key.newline
        - 0.7 * text.key.newline
    )
