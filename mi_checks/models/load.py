"""Load a model: config and safetensors → `TransformerBridge.boot_native` → `Subject`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.errors import MiChecksError
from mi_checks.models.names import TOKENIZER, resolve
from mi_checks.models.subject import Provenance, Subject
from mi_checks.prompts.tokenization import Tokenization

# TransformerLens' native module and the bridge around it call the same parameters by different names.
NATIVE_TO_BRIDGE = {
    "tok_embed": "embed",
    "pos": "pos_embed",
    "layers": "blocks",
    "ln_out": "ln_final",
    "head": "unembed",
    "fc_in": "in",
    "fc_out": "out",
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(name: str, *, device: str = "auto", dtype: str = "float32") -> Subject:
    """Load a bundled model or a folder of the bundled layout.

    Args:
        name: as `mi_checks.models.names.resolve` takes it.
        device: `cpu`, `cuda`, `cuda:1`, … or `auto` for a GPU where there is one.
        dtype: `float32`, `bfloat16` or `float16`.

    Raises:
        MiChecksError: unknown name, missing file, weights that do not fit the config, or a device that is not there.
    """
    model = resolve(name)
    weights_path = model.weights
    tokenizer_path = model.folder / "tokenizer.json"
    if not tokenizer_path.exists():
        tokenizer_path = TOKENIZER
    config = model.config
    place = _device(device)
    bridge: TransformerBridge = TransformerBridge.boot_native(dict(config), device=place, dtype=DTYPES[dtype])
    try:
        weights = {_bridge_name(k): v.to(place, DTYPES[dtype]) for k, v in load_file(weights_path).items()}
        # The bridge gives every unembedding a bias; a model trained without one has it zero.
        weights.setdefault("unembed.bias", torch.zeros(config["d_vocab"], device=place, dtype=DTYPES[dtype]))
        bridge.load_state_dict(weights)
    except FileNotFoundError:
        raise MiChecksError(f"model {name!r}: {weights_path} is missing") from None
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise MiChecksError(f"model {name!r}: {weights_path} does not fit config.json: {reason}") from None
    bridge.eval()
    bridge.requires_grad_(False)
    return Subject(
        name=model.claims,
        bridge=bridge,
        tokenization=Tokenization(Tokenizer.from_file(str(tokenizer_path)), bos=0),
        shape=model.shape,
        n_ctx=config["n_ctx"],
        provenance=Provenance(
            source="bundled" if model.is_bundled else str(model.folder),
            weights_sha256=_sha256(weights_path),
            tokenizer_sha256=_sha256(tokenizer_path),
            dtype=dtype,
            device=str(place),
            mode="raw",
        ),
    )


def _bridge_name(native: str) -> str:
    return ".".join(NATIVE_TO_BRIDGE.get(part, part) for part in native.split("."))


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise MiChecksError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise MiChecksError(f"device {name!r} was asked for, but this machine has no CUDA device; use cpu or auto")
    return device


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
