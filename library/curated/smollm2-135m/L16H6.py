def program(text):
    """Attends to the ends of earlier sentences and lines, to the open quotation mark and along the current line."""
    return text.softmax(
        1.6 * text.key.full_stop
        + 0.9 * text.key.punctuation
        + 1.0 * text.first_token
        + 0.6 * text.key.sentence_opener
        + 4.2 * text.query.newline * text.first_token
        + 1.2 * text.key.newline
        + 1.0 * text.query.past_first_sentence * text.key.newline
        + 1.0 * text.current_line
        + 0.6 * text.key.first_occurrence * text.current_sentence
        - 0.2 * text.log_distance
        + 1.6 * text.open_quote
        - 0.7 * text.self_token
        + 1.8 * text.query.full_stop * text.first_token
        - 0.8 * text.key.operator
    )
