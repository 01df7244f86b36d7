"""Tokenizers of models, loaded without the model if possible."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from mi_checks.models.model_names import NANO_TOKENIZER, resolve
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.prompts.tokenization import Tokenization


def load_tokenization(name: str) -> Tokenization:
    """Return a model's tokenizer, without importing torch if the model is a folder with a `tokenizer.json` or bundled.

    The token that begins a prompt is known only if the model itself is loaded.

    Raises:
        MiChecksError: the name is unknown, or the model's files are missing or broken.
    """
    model = resolve(name)
    try:
        if isinstance(model.source, ModelFolder) and (path := _file(model.source)) is not None:
            return Tokenization(_read(path), bos=None, rows=_rows(model.source))
    except Unloadable as error:
        raise model.load_error(error) from error
    from mi_checks.models.load_model import load

    return load(name, device="cpu").tokenization


def _file(folder: ModelFolder) -> Path | None:
    own = folder.path / "tokenizer.json"
    if own.exists():
        return own
    return NANO_TOKENIZER if folder.layout == "native" else None


def _read(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises no narrower type
        raise Unloadable(f"{path} is not a tokenizer file: {str(error).splitlines()[0]}") from error


def _rows(folder: ModelFolder) -> int | None:
    """Return the number of tokens that the model embeds according to its config, or None."""
    config = folder.config
    text = config.get("text_config")
    for mapping in (config, text if isinstance(text, dict) else {}):
        for key in ("vocab_size", "d_vocab"):
            if isinstance(mapping.get(key), int):
                return int(mapping[key])
    return None
