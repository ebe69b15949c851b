"""What came out: the summary next to the paper's figures, the figures, and one page that holds everything."""
