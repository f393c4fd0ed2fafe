"""Text to tokens and back, one push at a time."""
