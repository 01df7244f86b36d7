import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from training.trigrams import Counts, Trigram, mine, rows

WORDS = ["Ġice", "cream", "Ġsundae", "Ġsour", "Ġcheese", "x"]


@pytest.fixture
def tokenizer():
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, "x"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def test_counts_are_what_one_counts_by_hand():
    counts = Counts.of(np.array([0, 1, 2, 0, 1, 3, 4, 1, 2], dtype=np.uint16), 5)
    assert counts.given_both(0, 1, 2) == 0.5
    assert counts.given_both(4, 1, 2) == 1.0
    assert counts.given_both(2, 2, 2) == 0.0
    assert counts.given_last(1, 2) == pytest.approx(2 / 3)


def test_a_pair_shares_its_second_token_and_parts_on_its_first(tmp_path, tokenizer):
    noise = [1, 5] * 40  # b followed by neither, so that b alone predicts neither
    text = np.array([0, 1, 2] * 6 + [3, 1, 4] * 5 + noise, dtype=np.uint16)
    for kind in ("code", "prose"):
        for split in ("train", "held_out"):
            np.save(tmp_path / f"{kind}-{split}.npy", text)
    ((first, second),) = mine(tmp_path, tokenizer, least_count=4, unlikely=0.2)
    assert (first.a, first.b, first.c, first.count) == (" ice", "cream", " sundae", 12)
    assert (second.a, second.b, second.c, second.count) == (" sour", "cream", " cheese", 10)
    assert first.given_both == 1.0
    assert first.given_last == pytest.approx(12 / 102)


def test_a_row_says_where_it_comes_from():
    one = Trigram(" ice", "cream", " sundae", 12, 1.0, 0.9, 0.05)
    other = Trigram(" sour", "cream", " cheese", 10, 0.8, 0.7, 0.04)
    assert rows((one, other)) == [
        '        - {a: " ice", b: "cream", c: " sundae", a2: " sour", c2: " cheese"}'
        "  # 12 times, P(c|a,b) 1.00 (held out 0.90), P(c|b) 0.050",
        '        - {a: " sour", b: "cream", c: " cheese", a2: " ice", c2: " sundae"}'
        "  # 10 times, P(c|a,b) 0.80 (held out 0.70), P(c|b) 0.040",
    ]
