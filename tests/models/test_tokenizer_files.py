"""Tokenizers in whatever files a folder has them, the token that begins a prompt, and ids beyond the embedding."""

import io
import json
import shutil
import sys

import pytest
import sentencepiece
import torch
from tokenizers import Tokenizer, processors
from transformers import AutoTokenizer, OPTConfig, Qwen2Config

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.loaders.tokenizer_files import beginning_token, declared_special_tokens, read_folder_tokenizer
from mi_checks.models.model_names import NANO_TOKENIZER
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Prompts
from tests.models.written import VOCABULARY, gpt2, llama, write_huggingface
from tests.tokenizers_of_families import BEGINNINGS, MANNERS, TEXT, beginning_of, tokenizer_of, write_tokenizer

TEXTS = ("the name of it", " the name", "import numpy as np\n  x = é日 y", "a")


def message(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert "\n" not in str(error.value)
    return str(error.value)


def config(folder, made, **more):
    (folder / "config.json").write_text(json.dumps(made.to_dict() | {"model_type": made.model_type} | more))


def vocabulary_files(folder, tokenizer=None):
    tokenizer = tokenizer or Tokenizer.from_file(str(NANO_TOKENIZER))
    tokenizer.model.save(str(folder))


@pytest.mark.parametrize(
    ("made", "declared"),
    [
        (gpt2, {}),
        (llama, {}),  # no class of transformers' is named, and its own for Llama reads other files
        (llama, {"tokenizer_class": "GPT2Tokenizer"}),
        (OPTConfig, {}),
    ],
)
def test_case_13_vocab_json_and_merges_txt(tmp_path, made, declared):
    config(tmp_path, made())
    vocabulary_files(tmp_path)
    if declared:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(declared))
    found = read_folder_tokenizer(tmp_path)
    bundled = Tokenizer.from_file(str(NANO_TOKENIZER))
    for text in TEXTS:
        assert found.tokenizer.encode(text, add_special_tokens=False).ids == bundled.encode(text).ids
    assert found.sha256 == read_folder_tokenizer(tmp_path).sha256
    assert len(found.sha256) == 64


def test_case_13_a_family_with_a_split_of_its_own_keeps_it(tmp_path):
    config(tmp_path, Qwen2Config())
    vocabulary_files(tmp_path)
    found = read_folder_tokenizer(tmp_path).tokenizer
    assert found.encode("12 the", add_special_tokens=False).tokens == ["1", "2", "Ġthe"]  # digits one by one


def test_case_13_a_model_whose_tokenizer_is_vocab_json_and_merges_txt(tmp_path):
    write_huggingface(tmp_path, gpt2(), tokenizer=False)
    vocabulary_files(tmp_path)
    loaded_model = load(str(tmp_path), device="cpu")
    assert "".join(loaded_model.tokenization.pieces("import numpy as np")) == "import numpy as np"
    assert len(loaded_model.tokenization.word_tokens()) > 400
    assert len(loaded_model.provenance.tokenizer_sha256) == 64


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (("vocab.json",), "its vocab.json cannot be used without merges.txt"),
        (("merges.txt",), "its merges.txt cannot be used without vocab.json"),
        (("tekken.json",), "tekken.json is not supported"),
        (("spiece.model",), "spiece.model is not supported"),
        ((), "and so are vocab.json with merges.txt, tokenizer.model and vocab.txt"),
    ],
)
def test_case_13_files_that_make_no_tokenizer(tmp_path, files, why):
    write_huggingface(tmp_path, gpt2(), tokenizer=False)
    for file in files:
        (tmp_path / file).write_text("{}")
    found = message(tmp_path)
    assert found.startswith(f"model {str(tmp_path)!r}: {tmp_path}/tokenizer.json is missing, and ")
    assert why in found
    assert ("save it as tokenizer.json" in found) == bool(files)


@pytest.mark.parametrize("vocabulary", ["", "[]", "{}", '{"a": "b"}', '{"a": 0, "b": 1}'])
def test_case_13_a_vocabulary_that_is_none(tmp_path, vocabulary):
    config(tmp_path, llama())
    (tmp_path / "vocab.json").write_text(vocabulary)
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(Unloadable) as error:
        read_folder_tokenizer(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/vocab.json ")
    assert "\n" not in str(error.value)


def sentence_pieces(folder, kind="bpe", **options):
    """Write a small SentencePiece model, Llama 2's but for what is asked for; return it."""
    own = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False, "byte_fallback": True}
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in TEXT * 4 for line in text.splitlines()]),
        model_writer=written, model_type=kind, vocab_size=420, hard_vocab_limit=False, minloglevel=2,
        **(own | options),
    )  # fmt: skip
    (folder / "tokenizer.model").write_bytes(written.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("bpe", {}),
        ("bpe", {"add_dummy_prefix": False, "user_defined_symbols": ["▁▁", "\n", "<mask>"]}),  # Gemma's
        ("bpe", {"split_digits": True, "control_symbols": ["<|im_start|>"]}),
        ("unigram", {}),
        ("unigram", {"normalization_rule_name": "nmt_nfkc", "remove_extra_whitespaces": True, "byte_fallback": False}),
    ],
)
def test_case_13_a_sentencepiece_model_reads_as_sentencepiece_does(tmp_path, kind, options):
    theirs = sentence_pieces(tmp_path, kind, **options)
    ours = read_folder_tokenizer(tmp_path).tokenizer
    for text in (
        "the name",
        "When Mary and John  went\n to the store",
        "été 日 <3 ok",
        "def add(self):\n    x",
        "hello",
    ):
        assert ours.encode(text, add_special_tokens=False).ids == theirs.encode(text)
    assert beginning_token(ours, {}) == theirs.bos_id()
    assert beginning_token(ours, {"add_bos_token": False}) is None


def test_case_13_a_model_whose_tokenizer_is_a_sentencepiece_model(tmp_path):
    write_huggingface(tmp_path, llama(), tokenizer=False)
    theirs = sentence_pieces(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"added_tokens_decoder": {str(theirs.get_piece_size()): {"content": "<|tool|>", "special": True}}})
    )
    tokenization = load(str(tmp_path), device="cpu").tokenization
    assert tokenization.bos == theirs.bos_id()
    assert tokenization.writes_space
    assert tokenization.ids("the name") == tuple(theirs.encode("the name"))
    assert tokenization.ids("the<|tool|>")[-1] == theirs.get_piece_size()
    assert (theirs.piece_to_id("▁the"), " the") in tokenization.word_tokens()


def test_case_13_an_added_token_with_an_id_that_it_cannot_get(tmp_path):
    sentence_pieces(tmp_path)
    (tmp_path / "added_tokens.json").write_text('{"<|tool|>": 9999}')
    with pytest.raises(Unloadable, match=r"adds the token '<\|tool\|>' with the id 9999, which it cannot get"):
        read_folder_tokenizer(tmp_path)


def test_case_13_a_sentencepiece_model_that_a_fast_tokenizer_cannot_follow(tmp_path):
    sentence_pieces(tmp_path, "word", byte_fallback=False)
    with pytest.raises(Unloadable, match=r"tokenizer\.model cannot be converted to a fast tokenizer"):
        read_folder_tokenizer(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"IQ== 0\nIg== 1\n")  # tiktoken's format
    with pytest.raises(Unloadable, match=r"tokenizer\.model is not a SentencePiece model; save the tokenizer as"):
        read_folder_tokenizer(tmp_path)


def test_case_13_without_the_packages_that_read_it(tmp_path, monkeypatch):
    sentence_pieces(tmp_path)
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(Unloadable, match=r"install them with pip install 'mi-checks\[sentencepiece\]'"):
        read_folder_tokenizer(tmp_path)


def test_case_13_vocab_txt(tmp_path):
    config(tmp_path, gpt2())
    bert = tokenizer_of("bert")
    words = sorted(bert.get_vocab().items(), key=lambda item: item[1])
    (tmp_path / "vocab.txt").write_text("\n".join(each for each, _ in words) + "\n", encoding="utf-8")
    found = read_folder_tokenizer(tmp_path).tokenizer
    for text in ("The cat sat", "hello, world"):
        assert found.encode(text, add_special_tokens=False).ids == bert.encode(text, add_special_tokens=False).ids
    assert beginning_token(found, {}) == bert.token_to_id("[CLS]")


@pytest.mark.parametrize("manner", MANNERS)
def test_case_12_the_token_that_begins_a_prompt_is_the_one_that_transformers_puts_there(tmp_path, manner):
    tokenizer = write_tokenizer(manner, tmp_path, tokenizer_class="PreTrainedTokenizerFast")
    theirs = AutoTokenizer.from_pretrained(str(tmp_path))("the cat")["input_ids"]
    found = beginning_token(tokenizer, declared_special_tokens(tmp_path))
    assert found == (None if beginning_of(manner) is None else theirs[0])
    assert found == tokenizer.token_to_id(BEGINNINGS.get(manner, "no such token"))


@pytest.mark.parametrize("manner", ["gpt2", "opt", "llama3", "llama2", "gemma"])
@pytest.mark.parametrize("adds", [True, False])
def test_case_12_what_the_folder_declares_decides(tmp_path, manner, adds):
    """Also where the tokenizer's own template says otherwise; what it would write after a text is in no prompt."""
    token = BEGINNINGS.get(manner, "<|endoftext|>")
    declared = {"bos_token": {"content": token}, "eos_token": token, "add_bos_token": adds, "add_eos_token": True}
    tokenizer = write_tokenizer(manner, tmp_path, **declared)
    assert beginning_token(tokenizer, declared_special_tokens(tmp_path)) == (
        tokenizer.token_to_id(token) if adds else None
    )


def test_case_12_a_beginning_that_is_written_twice_is_one(tmp_path):
    tokenizer = tokenizer_of("llama2")
    begin = tokenizer.token_to_id("<s>")
    tokenizer.post_processor = processors.TemplateProcessing("<s> <s> $A", special_tokens=[("<s>", begin)])
    assert tokenizer.encode("the").ids[:2] == [begin, begin]
    assert beginning_token(tokenizer, {}) == begin
    assert beginning_token(tokenizer, {"add_bos_token": True, "bos_token": "<s>"}) == begin


def test_case_12_several_tokens_before_every_text_are_refused():
    tokenizer = tokenizer_of("llama2")
    special = [("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))]
    tokenizer.post_processor = processors.TemplateProcessing("<s> </s> $A", special_tokens=special)
    with pytest.raises(Unloadable, match="begins every text with '<s>' '</s>', but a prompt may begin with only one"):
        beginning_token(tokenizer, {})


def test_case_12_a_declared_beginning_that_the_tokenizer_does_not_know():
    with pytest.raises(Unloadable, match="puts '<nobody>' before every text, which is not a token of its tokenizer"):
        beginning_token(tokenizer_of("gpt2"), {"add_bos_token": True, "bos_token": "<nobody>"})


def with_tokens(folder, made, extra):
    """A model of `VOCABULARY` rows with so many added tokens after the bundled ones."""
    model = write_huggingface(folder, made, tokenizer=False)
    tokenizer = Tokenizer.from_file(str(NANO_TOKENIZER))
    tokenizer.add_special_tokens([f"<extra{n}>" for n in range(extra)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return model


PROMPTS = {
    "count": 8,
    "variables": {"A": {"tokens": "random"}, "B": {"tokens": "random", "differs_from": "A"}},
    "template": "{{ A | at('A') }}{{ B }}{{ A }}",
    "corrupt": {"A": "B", "B": "A"},
    "answer": "{{ B }}",
    "foils": ["{{ A }}"],
}


def test_case_11_a_token_more_than_the_embedding_has_rows(tmp_path):
    """As Gemma 3 1B is published: it loads, and only prompts with that token are refused."""
    with_tokens(tmp_path, llama(), 2)
    loaded_model = load(str(tmp_path), device="cpu")
    assert loaded_model.tokenization.rows == VOCABULARY
    batch = build_prompts(Prompts.model_validate(PROMPTS), loaded_model.tokenization, behaviour="x")
    tokens = torch.tensor([pair.clean.tokens for pair in batch.pairs])
    assert tokens.max() < VOCABULARY
    with torch.no_grad():
        assert loaded_model.bridge(tokens).isfinite().all()
    for template, where in (("<extra1>{{ A }}", "clean prompt"), ("{{ A }}", "foil '<extra0>'")):
        foils = ["<extra0>"] if "foil" in where else ["{{ B }}"]
        prompts = Prompts.model_validate(PROMPTS | {"template": template, "foils": foils})
        with pytest.raises(MiChecksError) as error:
            build_prompts(prompts, loaded_model.tokenization, behaviour="x")
        assert f"{where} contains the token '<extra" in str(error.value)
        assert f"the model has no embedding: it embeds only {VOCABULARY} tokens" in str(error.value)


def test_case_11_a_padded_embedding_changes_no_prompt(tmp_path):
    """Rows that no token has are never drawn, and models with and without them share prompts."""
    for folder, rows in (("padded", VOCABULARY + 64), ("whole", VOCABULARY)):
        (tmp_path / folder).mkdir()
        made = llama()
        made.vocab_size = rows
        write_huggingface(tmp_path / folder, made)
    padded, whole = (load(str(tmp_path / folder), device="cpu") for folder in ("padded", "whole"))
    assert padded.bridge.embed.weight.shape[0] == VOCABULARY + 64
    assert padded.tokenization.rows is whole.tokenization.rows is None
    assert max(padded.tokenization.drawable_tokens) < VOCABULARY
    prompts = Prompts.model_validate(PROMPTS)
    ours, theirs = (
        build_prompts(prompts, loaded_model.tokenization, behaviour="x") for loaded_model in (padded, whole)
    )
    assert ours.sha256 == theirs.sha256
    assert padded.prompt_dependencies == whole.prompt_dependencies


def test_case_11_the_token_that_begins_every_prompt_is_beyond_the_embedding(tmp_path):
    with_tokens(tmp_path, llama(), 1)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"add_bos_token": True, "bos_token": "<extra0>"}))
    assert message(tmp_path) == (
        f"model {str(tmp_path)!r}: its prompts begin with '<extra0>' (id {VOCABULARY}), but the model embeds only "
        f"{VOCABULARY} tokens"
    )


def test_a_native_folders_own_older_tokenizer_is_not_passed_over(tmp_path):
    from mi_checks.models.model_names import NANO_FOLDER

    for file in ("config.json", "model.safetensors"):
        shutil.copy(NANO_FOLDER / "nano-attn-1l" / file, tmp_path / file)
    (tmp_path / "tekken.json").write_text("{}")
    assert "tekken.json is not supported" in message(tmp_path)
