"""Mining: frequent trigrams in text files, with counts, as rows that a behaviour can read.

The entry points are `corpus.tokenize_corpus(…)`, `trigrams.mine_trigrams(…)` and `mining_output.measure_rows(…)`.
"""
