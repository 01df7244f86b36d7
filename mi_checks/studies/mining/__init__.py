"""Mining: frequent trigrams in text files, with counts, as rows that a behaviour can read."""
