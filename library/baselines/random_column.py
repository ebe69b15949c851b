def program(text):
    """Attends in all rows to the same token, drawn at random for each text; rows before it go to the first token."""
    column = hash(text.ids) % text.n
    return np.repeat(np.arange(text.n)[None, :] == column, text.n, axis=0).astype(np.float32)
