def program(text):
    """Rests on the first token; verbs look at the token before, prepositions and conjunctions at the sentence and its pronouns."""
    return text.softmax(
        6.1 * text.first_token
        + 2.2 * text.previous_token
        + 2.5 * text.self_token
        + 1.0 * text.current_sentence
        + 3.8 * text.query.auxiliary * text.previous_token
        - 0.7 * text.query.opening_32 * text.first_token
        + 2.5 * text.query.verb_like * text.previous_token
        + 1.8 * text.offset(2)
        - 1.0 * text.query.preposition * text.first_token
        + 1.0 * text.key.pronoun
        - 1.4 * text.query.conjunction * text.first_token
        - 0.5 * text.query.opening_16 * text.first_token
        + 1.0 * text.key.auxiliary
        + 1.1 * text.offset(3)
    )
