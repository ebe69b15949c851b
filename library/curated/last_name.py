def program(text):
    """Attends from pronouns to the last name, else to the first token."""
    return text.query.pronoun * text.last_name_like + 0.2 * text.first_token
