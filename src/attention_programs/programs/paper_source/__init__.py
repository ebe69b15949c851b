"""Sources in the paper's form, taken apart without being run."""
