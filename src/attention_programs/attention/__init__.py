"""Every head's attention map for every text."""
