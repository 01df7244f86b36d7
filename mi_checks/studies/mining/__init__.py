"""Text files → trigrams that they really hold, with counts, as rows that a behaviour can read."""
