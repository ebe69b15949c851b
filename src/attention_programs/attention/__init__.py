"""Every head's attention pattern for every text."""
