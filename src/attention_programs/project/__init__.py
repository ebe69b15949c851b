"""The project folder: its stages, profiles and checks."""
