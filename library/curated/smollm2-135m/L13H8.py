def program(text):
    """Rests on the first token; signs and prepositions look back at the sentence's content words, and auxiliary verbs at the token before."""
    return text.softmax(
        5.2 * text.first_token
        - 0.7 * text.log_distance
        - 1.8 * text.current_word
        + 1.1 * text.current_sentence
        - 1.7 * text.query.opening_16 * text.first_token
        + 2.7 * text.query.auxiliary * text.previous_token
        + 1.1 * text.last_content_word
        - 0.8 * text.query.punctuation * text.first_token
        + 0.9 * text.self_token
        - 1.0 * text.query.preposition * text.first_token
        + 0.6 * text.query.article * text.first_token
    )
