"""What kind of thing each program does: categories by its terms, and clusters by its behaviour."""
