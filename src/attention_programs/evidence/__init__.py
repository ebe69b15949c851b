"""What the right programs are worth: controls with wrong ones, and what the fit to a pattern predicts."""
