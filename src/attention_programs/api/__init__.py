"""The notebook interface: a model's attention patterns, programs for its heads, scores, and replacement."""
