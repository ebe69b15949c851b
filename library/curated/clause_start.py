def program(text):
    """Attends to the start of the clause, and to the first token."""
    return 0.5 * text.clause_start + 0.5 * text.first_token
