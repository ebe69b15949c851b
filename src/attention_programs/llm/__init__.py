"""Programs written by a language model that is shown how a head behaves."""
