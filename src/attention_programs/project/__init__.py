"""A project folder as a whole: its stages, its profiles, its checks."""
