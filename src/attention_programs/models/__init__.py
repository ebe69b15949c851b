"""Language models: loading, weight hashes, tokens and heads."""
