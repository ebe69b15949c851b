def program(text):
    """Attends to the previous token, with some weight on itself and on the token before."""
    return 0.6 * text.previous_token + 0.2 * text.self_token + 0.2 * text.offset(2)
