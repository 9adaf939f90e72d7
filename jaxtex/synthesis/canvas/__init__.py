"""Canvas of a result: its size, and the picture of which it keeps everything but a hole."""
