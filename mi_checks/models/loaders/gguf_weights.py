"""The loader of GGUF files: transformers de-quantizes the weights and reads the tokenizer from the same file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from transformers import AutoTokenizer, GgufConfig

from mi_checks.models.loaders.huggingface import bridged
from mi_checks.models.loaders.loaded import Loaded, Placement, sha256, told
from mi_checks.models.loaders.quiet import quiet
from mi_checks.models.loaders.tokenizer_files import own_beginning
from mi_checks.models.sources.gguf import require_reader
from mi_checks.models.sources.gguf_header import read_header
from mi_checks.models.sources.source import Unloadable


def load_gguf(path: Path, to: Placement, *, revision: str = "") -> Loaded:
    """Load a GGUF file.

    Args:
        path: the file.
        to: the device and dtype.
        revision: the revision to record, if there is one.

    Raises:
        Unloadable: it is not a GGUF file, the package `gguf` is not installed, or transformers or TransformerLens does
            not know the architecture.
    """
    require_reader()
    read_header(path)  # raises with a one-line message if it is not a GGUF file
    place = {"gguf_file": path.name, "local_files_only": True}
    try:
        with quiet():
            hf_tokenizer = AutoTokenizer.from_pretrained(str(path.parent), trust_remote_code=False, **place)
            tokenizer = hf_tokenizer.backend_tokenizer
    except Exception as error:  # any error of transformers or gguf for an unexpected file
        raise Unloadable(f"{path}: its tokenizer cannot be read: {told(error)}") from error
    bos = own_beginning(tokenizer, {})
    # If blocks stayed quantized, transformers would look for compiled kernels on the hub.
    bridge, unwrapped = bridged(
        str(path.parent), hf_tokenizer, to, quantization_config=GgufConfig(dequantize=True), **place
    )
    return Loaded(
        bridge,
        tokenizer,
        bos=bos,
        weights_sha256=sha256([path]),
        tokenizer_sha256=hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),  # it has no file of its own
        revision=revision,
        unwrapped=unwrapped,
    )
