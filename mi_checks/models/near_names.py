"""Suggestions of what a user meant by a name that is no model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from mi_checks.errors import did_you_mean
from mi_checks.models.model_paths import GGUF, expanded, is_file, is_folder

# The hub's oldest models have no owner, and TransformerLens uses bare names for many others.
NAMES_WITHOUT_OWNER = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2", "openai-gpt", "ctrl")
OWNER_PATTERNS = (
    ("EleutherAI", r"pythia-\S+|gpt-neo-\S+|gpt-j-\S+|gpt-neox-\S+"),
    ("facebook", r"opt-\S+"),
    ("bigscience", r"bloom(-\S+)?"),
    ("google", r"gemma-\S+"),
    ("Qwen", r"qwen\S+"),
    ("meta-llama", r"llama-\S+"),
    ("mistralai", r"mistral-\S+|mixtral-\S+"),
    ("microsoft", r"phi-\S+"),
    ("allenai", r"olmo\S+"),
    ("HuggingFaceTB", r"smollm\S+"),
    ("tiiuae", r"falcon\S+"),
    ("ibm-granite", r"granite-\S+"),
)
HUB_URL = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+?)/?(?:/tree/([\w./-]+?))?/?")


def near_name(text: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or another hint, for a name that is no model; "" if there is no hint."""
    meant = _meant(text)
    if meant is not None:
        return f"; did you mean {meant!r}?"
    if near := did_you_mean(text, known):
        return near
    for owner, pattern in OWNER_PATTERNS:
        if re.fullmatch(pattern, text.partition("@")[0], re.IGNORECASE):
            return f"; did you mean '{owner}/{text}'?"
    if is_file(expanded(text)):
        return f"; that is a file: name the folder it is in, {str(Path(text).parent)!r}"
    return ""


def _meant(text: str) -> str | None:
    """Return the only name that can be meant, or None."""
    bare, at, revision = text.partition("@")
    if bare.lower().removesuffix("-small") in NAMES_WITHOUT_OWNER:
        return f"hf:{bare.lower().removesuffix('-small')}{at}{revision}"
    if found := HUB_URL.fullmatch(text):
        return f"hf:{found[1]}" + (f"@{found[2]}" if found[2] else "")
    kind, colon, rest = text.partition(":")
    if colon and kind.lower() in ("hf", "gguf") and kind != kind.lower():
        return f"{kind.lower()}:{rest}"
    if colon and kind.lower() in ("huggingface", "hub"):
        return f"hf:{rest.lstrip('/')}"
    if text.endswith(".gguf") and is_file(expanded(text)):
        return f"{GGUF}{text}"
    slashed = text.replace("\\", "/")
    return slashed if slashed != text and is_folder(expanded(slashed)) else None
