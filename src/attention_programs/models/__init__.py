"""A language model, its weights' hash and its tokens."""
