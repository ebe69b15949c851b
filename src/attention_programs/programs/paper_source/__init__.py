"""Sources in the paper's format, split into programs without running them."""
