"""One thin script a DVC stage: read params, call the library, write files."""
