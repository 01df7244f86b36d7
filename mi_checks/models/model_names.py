"""Names of models and their shapes, without loading any model or importing torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.models.model_paths import (
    GGUF_PREFIX,
    equals_splits,
    expand_home,
    is_file,
    is_folder,
    looks_like_path,
    relative_to_cwd,
    relative_to_folder,
    split_checkpoint_label,
)
from mi_checks.models.sources.gguf_file import GgufFile
from mi_checks.models.sources.hub_model import TOY_MODELS, HubModel
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import ModelSource, NotFetched, Unloadable
from mi_checks.models.sources.packaged_model import PACKAGED_MODELS
from mi_checks.models.sources.weight_files import sha256
from mi_checks.spec.node_names import ModelShape

NANO_FOLDER = Path(__file__).parent / "nano"
NANO_TOKENIZER = NANO_FOLDER / "tokenizer.json"
HUB_PREFIX = "hf:"
HUB_NAME = re.compile(r"([A-Za-z0-9][\w.-]{,95}/)?[A-Za-z0-9][\w.-]{,95}(@[\w./+-]+)?", re.ASCII)
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


@dataclass(frozen=True)
class ModelName:
    """A model as the user names it.

    `nano-attn-2l` is bundled, and so is its training checkpoint `nano-attn-2l@200`. `smollm2-135m` is downloaded once
    by `mi-checks models fetch`. `attn-only-2l` is one of TransformerLens' toy models on the Hugging Face hub;
    `org/name`, `org/name@revision` and `hf:gpt2` are other models there. `path/to/folder` is a folder and
    `path/to/folder@label` its training checkpoint. `gguf:path/to/file` is a GGUF file. With `nano-attn-2l=` before any
    of these, the weights run under the claims made for `nano-attn-2l`.

    Attributes:
        name_as_given: the name as it was written.
        claims: the name under which behaviour files list the model's claims.
        source: the source of the weights.
        stands_in: whether it was written as `NAME=MODEL`.
    """

    name_as_given: str
    claims: str
    source: ModelSource
    stands_in: bool = False

    @property
    def shape(self) -> ModelShape | None:
        """Return the numbers of layers, heads and neurons, or None if they are known only after loading.

        Raises:
            MiChecksError: the file that holds the shape is missing or broken.
        """
        try:
            return self.source.shape
        except Unloadable as error:
            raise self.load_error(error) from error

    @property
    def label(self) -> str | None:
        """Return the text after `@`: a training checkpoint's label, or a revision on the hub; None without one."""
        match self.source:
            case ModelFolder():
                return self.source.label
            case HubModel():
                return self.source.version
            case _:
                return None

    def check_loadable(self) -> None:
        """Raise if loading cannot be tried.

        Raises:
            MiChecksError: something must be downloaded or installed first.
        """
        try:
            self.source.check_loadable()
        except Unloadable as error:
            raise self.load_error(error) from error

    def weights_sha256(self) -> str | None:
        """Return the hash that provenance will record; None for a model on the hub, known only after loading.

        Raises:
            MiChecksError: files of weights are missing.
        """
        try:
            files = self.source.weight_files
        except Unloadable as error:
            raise self.load_error(error) from error
        return None if files is None else sha256(files)

    def load_error(self, reason: Unloadable) -> MiChecksError:
        """Return the reason as an error that begins with the model's name."""
        kind = NotFetched if isinstance(reason, NotFetched) else MiChecksError
        return kind(f"model {self.name_as_given!r}: {reason}")


@cache
def bundled_models() -> tuple[str, ...]:
    """Return the models that ship with the project."""
    return tuple(sorted(folder.parent.name for folder in NANO_FOLDER.glob("*/config.json")))


@cache
def bundled_checkpoints() -> Mapping[str, Path]:
    """Return the bundled training checkpoints: `nano-attn-2l@200` → weights, in the order of training."""
    return MappingProxyType(
        {
            f"{path.parent.parent.name}@{int(path.stem.removeprefix('step-'))}": path
            for path in sorted(NANO_FOLDER.glob("*/checkpoints/step-*.safetensors"))
        }
    )


def known_names() -> tuple[str, ...]:
    """Return every name that is a model by itself: bundled models, packaged ones and TransformerLens' toy models."""
    return (*bundled_models(), *bundled_checkpoints(), *PACKAGED_MODELS, *TOY_MODELS)


def is_known(name: str) -> bool:
    """Return whether a name is a model by itself, including any training checkpoint of a toy model."""
    return _known(name) is not None


def resolve(name: str) -> ModelName:
    """Return the model that a name stands for.

    Raises:
        MiChecksError: there is no such model; the message lists the known names and suggests the nearest.
    """
    source = _prefixed(name) or _known(name) or _folder(name) or _on_the_hub(name)
    if source is not None:
        return ModelName(name, canonical_name(name), source)
    for claims, text in equals_splits(name):
        # For compatibility, the second part is read as a folder before anything else.
        source = _folder(text) or _prefixed(text) or _known(text) or _on_the_hub(text, after=claims)
        if claims and source is not None:
            return ModelName(name, canonical_name(claims), source, stands_in=True)
    raise MiChecksError(_unknown(name))


def canonical_name(name: str, parent: Path | None = None) -> str:
    """Return a model's canonical name: a path is normalised and relative to the working folder; others are unchanged.

    The same folder thus has one name, whether a behaviour file, a configuration or a command line names it.

    Args:
        name: a model as it was written, without `NAME=`.
        parent: the folder that its path is relative to, or None for the one in which this process runs.
    """
    if is_known(name):
        return name
    prefix, text, label, exists = _as_path(name, parent)
    if not exists and (parent is None or not looks_like_path(text)):
        return name
    relative_path = relative_to_cwd(relative_to_folder(text, parent))
    if not prefix and "/" not in relative_path and (not exists or is_known(relative_path)):
        relative_path = f"./{relative_path}"  # so that it is read as a folder and not as a model's name
    return f"{prefix}{relative_path}" + ("" if label is None else f"@{label}")


def is_path(name: str, parent: Path | None = None) -> bool:
    """Return whether a name is a folder, its checkpoint or a GGUF file, at a path that is relative to `parent`."""
    return not is_known(name) and _as_path(name, parent)[3]


def _as_path(name: str, parent: Path | None) -> tuple[str, str, str | None, bool]:
    """Return a name as prefix, path, label of a training checkpoint, and whether the path exists."""
    if name.startswith(GGUF_PREFIX):
        path = name.removeprefix(GGUF_PREFIX)
        return GGUF_PREFIX, path, None, is_file(relative_to_folder(path, parent))
    folder = split_checkpoint_label(name, parent)
    return ("", name, None, False) if folder is None else ("", *folder, True)


def without_checkpoint_label(name: str) -> str:
    """Return a training checkpoint's model, `nano-attn-2l@200` → `nano-attn-2l`, and any other name unchanged.

    Raises:
        MiChecksError: there is no such model.
    """
    label = resolve(name).label
    return name if label is None else name.removesuffix(f"@{label}")


def _prefixed(text: str) -> ModelSource | None:
    """Return the source of a name with the prefix `gguf:` or `hf:`."""
    if text.startswith(GGUF_PREFIX):
        path = expand_home(text.removeprefix(GGUF_PREFIX))
        return GgufFile(path) if is_file(path) else None
    repo = text.removeprefix(HUB_PREFIX)
    return _hub(repo) if repo != text and HUB_NAME.fullmatch(repo) else None


def _known(text: str) -> ModelSource | None:
    word, _, label = text.partition("@")
    if text in bundled_models():
        return ModelFolder(NANO_FOLDER / text, name="bundled")
    if text in bundled_checkpoints():
        return ModelFolder(NANO_FOLDER / word, label, name="bundled")
    if word in TOY_MODELS:
        toy = TOY_MODELS[word]
        return HubModel(toy.repo, label or None, toy.known_shape)
    return PACKAGED_MODELS.get(text)


def _folder(text: str) -> ModelFolder | None:
    folder = split_checkpoint_label(text)
    return None if folder is None else ModelFolder(expand_home(folder[0]), folder[1])


def _on_the_hub(text: str, after: str = "") -> HubModel | None:
    """Return `org/name` on the hub, unless a folder `org`, or one at the start of `after`, shows it is a path."""
    owner, slash, _ = text.partition("/")
    local = os.path.exists(owner) or ("/" in after and os.path.exists(after.partition("/")[0] or "/"))
    return _hub(text) if slash and HUB_NAME.fullmatch(text) and not local else None


def _hub(text: str) -> HubModel:
    repo, _, version = text.partition("@")
    return HubModel(repo, version or None)


def _unknown(name: str) -> str:
    """Return the message that explains why a name is not a model."""
    claims, equals, text = name.partition("=")
    if equals and ("/" in claims or looks_like_path(claims)):
        # It is more likely a path that contains `=` than a model's name and another path.
        return (
            f"model {name!r}: there is no folder {str(expand_home(name))!r}, and no model {text!r} to run as {claims!r}"
        )
    if equals and not text:
        return f"model {name!r}: name a folder after '='"
    if equals and not claims:
        return f"model {name!r}: name the model whose claims apply before '=', or leave out '='"
    text = text if equals else name
    suggestion = name_suggestion(text, known_names())
    kind, colon, rest = text.partition(":")
    if text.startswith(GGUF_PREFIX):
        return f"model {name!r}: there is no file {rest!r}"
    if text.startswith(HUB_PREFIX):
        return f"model {name!r}: {rest!r} is not a valid name on the Hugging Face hub; write hf:owner/name"
    if colon and re.fullmatch(r"[A-Za-z][\w-]+", kind) and not suggestion:
        suggestion = f"; the only prefixes are {HUB_PREFIX} and {GGUF_PREFIX}"
    if not suggestion and "/" in text and HUB_NAME.fullmatch(text):  # there is a folder with the owner's name
        suggestion = f"; if it is a model on the Hugging Face hub, write {HUB_PREFIX}{text}"
    if equals or "/" in text or looks_like_path(text):
        return f"model {name!r}: there is no folder {str(expand_home(text))!r}{suggestion}"
    known = ", ".join((*bundled_models(), *bundled_checkpoints()))
    return f"unknown model {name!r}; bundled models: {known}; for all others, run mi-checks models list{suggestion}"


def name_suggestion(text: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or another hint, for a name that is not a model; "" if there is no hint."""
    certain = _certain_name(text)
    if certain is not None:
        return f"; did you mean {certain!r}?"
    if suggestion := did_you_mean(text, known):
        return suggestion
    for owner, pattern in OWNER_PATTERNS:
        if re.fullmatch(pattern, text.partition("@")[0], re.IGNORECASE):
            return f"; did you mean '{owner}/{text}'?"
    if is_file(expand_home(text)):
        return f"; that is a file, so name its folder: {str(Path(text).parent)!r}"
    return ""


def _certain_name(text: str) -> str | None:
    """Return the name if only one can be meant, or None."""
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
    if text.endswith(".gguf") and is_file(expand_home(text)):
        return f"{GGUF_PREFIX}{text}"
    slashed = text.replace("\\", "/")
    return slashed if slashed != text and is_folder(expand_home(slashed)) else None
