"""Loading of models: the loader for the layout of a model's source returns a `LoadedModel`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.errors import MiChecksError
from mi_checks.models.downloads import download_from_hub
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.models.loaders.legacy import load_legacy
from mi_checks.models.loaders.loader_common import LoadedBridge, Placement, error_text
from mi_checks.models.loaders.native import load_native
from mi_checks.models.loaders.transformers_loader import load_gguf, load_huggingface
from mi_checks.models.model_names import resolve
from mi_checks.models.sources.gguf_file import GgufFile
from mi_checks.models.sources.hub_model import HubModel
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import ModelSource, Unloadable
from mi_checks.models.sources.packaged_model import PackagedModel
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.node_names import ModelShape

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
LOADERS = {"native": load_native, "legacy": load_legacy, "huggingface": load_huggingface}
PROBE_TOKENS = 6  # length of the probe, whose last token is exchanged
CAUSAL_TOLERANCE = 0.01  # relative to the logits' standard deviation; rounding in half precision is ten times smaller


def load(name: str, *, device: str = "auto", dtype: str = "float32") -> LoadedModel:
    """Load a model.

    Any error of a library becomes a one-line message, with the library's error as its cause.

    Args:
        name: a name, as `mi_checks.models.model_names.resolve` reads it.
        device: `cpu`, `cuda`, `cuda:1`, … or `auto` for a GPU if there is one.
        dtype: `float32`, `bfloat16` or `float16`.

    Raises:
        MiChecksError: the name is unknown, a file is missing, the weights do not fit the config or are not safe to
            load, the hub cannot be reached, or the device does not exist.
    """
    model = resolve(name)
    torch_device = _device(device)
    try:
        loaded = _load_source(model.source, Placement(torch_device, DTYPES[dtype]))
        _check_vocabulary(loaded)
        loaded.bridge.eval()
        loaded.bridge.requires_grad_(False)
        shape = shape_of(loaded.bridge)
        if shape.n_layers < 1:
            raise Unloadable("its config says that it has no layers")
        check_causal(loaded.bridge, loaded.rows)
    except Unloadable as error:
        raise model.load_error(error) from error
    except MiChecksError:
        raise
    except Exception as error:  # any error of a library, at any step
        raise model.load_error(Unloadable(f"it cannot be loaded: {error_text(error)}")) from error
    return LoadedModel(
        name=model.claims,
        bridge=loaded.bridge,
        tokenization=Tokenization(loaded.tokenizer, loaded.bos, _rows(loaded)),
        shape=shape,
        n_ctx=loaded.bridge.cfg.n_ctx,
        provenance=Provenance(
            source=model.source.provenance_name,
            weights_sha256=loaded.weights_sha256,
            tokenizer_sha256=loaded.tokenizer_sha256,
            dtype=dtype,
            device=str(torch_device),
            mode="raw",
            revision=loaded.revision,
            step=loaded.step,
        ),
        unwrapped_model=loaded.unwrapped_model,
    )


def _load_source(source: ModelSource, placement: Placement) -> LoadedBridge:
    source.check_loadable()
    match source:
        case ModelFolder():
            return LOADERS[source.layout](source, placement)
        case HubModel():
            folder = download_from_hub(source)
            folder.check_loadable()
            return LOADERS[folder.layout](folder, placement)
        case GgufFile():
            return load_gguf(source.path, placement)
        case PackagedModel():
            loaded = load_gguf(source.path, placement, revision=source.version)
            if loaded.weights_sha256 != source.sha256:
                raise Unloadable(
                    f"{source.path} is not the file that was downloaded; run mi-checks models fetch {source.name}"
                )
            return loaded
    raise TypeError(source)


def _check_vocabulary(loaded: LoadedBridge) -> None:
    """Raise if the tokenizer belongs to another model.

    Added tokens may be beyond the embedding, because no prompt may use them.

    Raises:
        Unloadable: an ordinary token, or the one that begins every prompt, is beyond the embedding's last row.
    """
    rows, added = loaded.rows, loaded.tokenizer.get_added_tokens_decoder()
    vocabulary = loaded.tokenizer.get_vocab(with_added_tokens=False).values()
    if any(token >= rows and token not in added for token in vocabulary):
        tokens = loaded.tokenizer.get_vocab_size()
        raise Unloadable(f"its tokenizer has {tokens} tokens, but the model embeds {rows}; it belongs to another model")
    if loaded.bos is not None and loaded.bos >= rows:
        token = loaded.tokenizer.id_to_token(loaded.bos)
        raise Unloadable(f"its prompts begin with {token!r} (id {loaded.bos}), but the model embeds only {rows} tokens")


def _rows(loaded: LoadedBridge) -> int | None:
    """Return the number of tokens that the model embeds if the tokenizer has more, otherwise None."""
    rows = loaded.rows
    return rows if any(token >= rows for token in loaded.tokenizer.get_vocab().values()) else None


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise MiChecksError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise MiChecksError(f"device {name!r} was requested, but this machine has no CUDA device; use cpu or auto")
    return device


def check_causal(bridge: TransformerBridge, rows: int) -> None:
    """Raise if a model's output at a token depends on later tokens.

    Args:
        bridge: the model, in evaluation mode.
        rows: number of tokens that it embeds.

    Raises:
        Unloadable: the output depends on later tokens.
    """
    tokens = min(PROBE_TOKENS, int(bridge.cfg.n_ctx))
    if tokens < 2 or rows < 2:
        return
    first = [(rows // 2 + i) % rows for i in range(tokens)]
    other = [*first[:-1], (first[-1] + 1) % rows]
    with torch.no_grad():
        logits = bridge(torch.tensor([first, other], device=next(bridge.parameters()).device))[:, :-1].float()
    if not logits.isfinite().all():  # reported when it is measured
        return
    if (logits[0] - logits[1]).abs().max() > CAUSAL_TOLERANCE * logits.std():
        raise Unloadable(
            "it is not causal: its output at a token depends on later tokens, as in encoders and in models with "
            "bidirectional attention; only causal models can be measured"
        )


def shape_of(bridge: TransformerBridge) -> ModelShape:
    """Return the numbers of layers, heads and neurons of a model.

    Raises:
        Unloadable: its layers differ in size, so that a head's name does not mean the same in each.
    """
    cfg: Any = bridge.cfg
    heads, kv_heads, d_head = int(cfg.n_heads), int(cfg.n_key_value_heads or cfg.n_heads), int(cfg.d_head)
    widths = {_width(block, ("attn", "o"), cfg.d_model) for block in bridge.blocks} - {None}
    if len(widths) > 1:
        raise Unloadable(
            f"its layers have different numbers of heads (widths of z: {_listed(widths)}), which is not supported"
        )
    d_mlp, no_neurons = _neurons(bridge)
    if kv_heads == heads:
        kv_heads = _kv_heads(bridge, d_head) or heads
    return ModelShape(
        n_layers=len(bridge.blocks),
        n_heads=heads,
        d_mlp=d_mlp,
        shared_kv_heads=kv_heads if kv_heads != heads else None,
        no_neurons=no_neurons,
    )


def _neurons(bridge: TransformerBridge) -> tuple[int | None, str]:
    """Return the number of neurons of each layer; or None, and why they cannot be named, or "" if there is no MLP."""
    cfg: Any = bridge.cfg
    mlps = [getattr(block, "mlp", None) for block in bridge.blocks]
    if cfg.attn_only or not any(mlp is not None for mlp in mlps):
        return None, ""
    widths = [_width(block, ("mlp", "out"), cfg.d_model) for block in bridge.blocks]
    if any(width is None for width in widths):
        kind = type(next(mlp for mlp, width in zip(mlps, widths, strict=True) if width is None)).__name__
        if "MoE" in kind:
            return None, "its MLPs are mixtures of experts, each with neurons of its own; name the layer's MLP instead"
        return None, "TransformerLens names no output projection of its MLPs; name the layer's MLP instead"
    if len(set(widths)) > 1:
        return (
            None,
            f"its layers have different numbers of neurons ({_listed(set(widths))}); name the layer's MLP instead",
        )
    return widths[0], ""


def _width(block: Any, path: tuple[str, ...], d_model: int) -> int | None:
    """Return the number of inputs of a projection into the residual stream; None if there is none."""
    component: Any = block
    for name in path:
        component = getattr(component, name, None)
    module = getattr(component, "original_component", None)
    weight = getattr(module, "weight", None)
    if not isinstance(module, nn.Module) or weight is None or weight.dim() != 2:
        return None
    return int(weight.numel() // d_model)


def _kv_heads(bridge: TransformerBridge, d_head: int) -> int | None:
    """Return the number of keys of a layer, if its key projection shows it, otherwise None."""
    module = getattr(getattr(getattr(bridge.blocks[0], "attn", None), "k", None), "original_component", None)
    weight = getattr(module, "weight", None)
    return None if weight is None or weight.dim() != 2 else int(weight.numel() // bridge.cfg.d_model // d_head) or None


def _listed(values: Any) -> str:
    return ", ".join(map(str, sorted(values)))
