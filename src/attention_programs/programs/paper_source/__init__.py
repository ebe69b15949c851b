"""Sources in the paper's format, taken apart without being run."""
