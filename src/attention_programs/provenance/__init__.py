"""Where a result came from: the record behind a number, walked down to weights, texts and prompts, and verified."""
