"""Several models side by side: one library of programs for all their heads, and programs transferred between them."""
