def program(text):
    """Attends in each row to one token so far, drawn at random."""
    rows = np.arange(text.n)
    draws = np.array([hash((row, *text.ids[: row + 1])) % (row + 1) for row in rows])
    return (np.arange(text.n)[None, :] == draws[:, None]).astype(np.float32)
