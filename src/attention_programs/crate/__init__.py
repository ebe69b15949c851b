"""A registered surrogate as a research object (RO-Crate) that travels: written, read back, and registered elsewhere."""
