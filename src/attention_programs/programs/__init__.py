"""What a program is, the vocabulary it speaks, and how it is run."""
