"""Programs written by a language model from evidence on how a head behaves."""
