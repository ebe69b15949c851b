"""What came out: the summary beside the paper's figures, the figures, and one page that holds everything."""
