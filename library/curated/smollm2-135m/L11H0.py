def program(text):
    """Looks back at nearby tokens that are new in the sentence, at signs and line breaks, but not at itself."""
    return text.softmax(
        -1.7 * text.log_distance
        - 1.6 * text.self_token
        + 0.7 * text.key.full_stop * text.log_distance
        + 0.5 * text.key.first_occurrence * text.current_sentence
        + 0.7 * text.query.function_word * text.previous_token
        + 0.4 * text.last_punctuation
        + 0.3 * text.offset(2)
        - 1.1 * text.key.digit
        + 0.6 * text.key.newline
        - 0.5 * text.key.pronoun
    )
