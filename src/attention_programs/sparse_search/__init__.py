"""The search for programs: sparse sums of vocabulary terms, fitted to each head's attention."""
