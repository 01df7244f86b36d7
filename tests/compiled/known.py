"""What is known of the committed programs, read off their text by hand, without RASP.

`python benchmarks/compiled.py --fixture` writes the programs anew.
"""

from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"

# A prompt's letters → what the program puts out at the last of them.
OUTPUTS = {
    "both": lambda text: "a" in text and "b" in text,
    "either": lambda text: "a" in text or "b" in text,
    "induction": lambda text: text[text.index(text[-1]) + 1],
    "kinds": lambda text: len(set(text)),
}

# The expressions that carry the difference between a program's prompts. All but `both` compute nothing else.
CARRYING = {
    "both": {"count_a", "count_b", "seen_a", "seen_b", "both"},
    "either": {"is_a", "is_b", "fraction_a", "fraction_b", "seen_a", "seen_b", "either"},
    "induction": {"before", "induction"},
    "kinds": {"occurrences", "is_first", "kinds"},
}

# The paths of one hop that carry it, by what their ends compute; a count is a head, and the MLP of its layer.
PATHS = {
    "both": {
        ("count_a", "count_a"), ("count_b", "count_b"), ("count_a", "seen_a"), ("count_b", "seen_b"),
        ("seen_a", "both"), ("seen_b", "both"), ("both", "logits"),
    },
    "either": {
        ("is_a", "fraction_a.v"), ("is_b", "fraction_b.v"), ("fraction_a", "seen_a"), ("fraction_b", "seen_b"),
        ("seen_a", "either"), ("seen_b", "either"), ("either", "logits"),
    },
    "induction": {("before", "induction.k"), ("induction", "logits")},
    "kinds": {
        ("occurrences", "occurrences"), ("occurrences", "is_first"), ("is_first", "kinds.k"), ("kinds", "kinds"),
        ("kinds", "logits"),
    },
}  # fmt: skip
