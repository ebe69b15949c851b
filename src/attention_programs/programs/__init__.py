"""Programs: what they are, the vocabulary they use, and how they run."""
