"""What a person has in a notebook: a model's heads, programs for them, scores, and the heads replaced."""
