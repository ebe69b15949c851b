def program(text):
    """Attends to all punctuation so far; rests on the first token."""
    return text.key.punctuation * text.uniform + text.first_token
