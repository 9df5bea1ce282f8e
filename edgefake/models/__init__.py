"""A model: its card, its file, and where both are found."""
