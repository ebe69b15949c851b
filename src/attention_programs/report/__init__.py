"""The results: the summary compared with the paper's numbers, the figures, and a self-contained page."""
