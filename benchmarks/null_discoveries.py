"""Discovery where there is nothing to discover: how many drafts claim anything of a node.

    python benchmarks/null_discoveries.py [N]

Half of the N discoveries (200 by default) are of answers and foils that no prompt contains, in a trained model, so that
clean and corrupted prompts do not differ. The other half are of induction in models whose weights were shuffled within
each matrix. Neither may draft a claim. Discoveries that get beyond the first half of their prompts, as 2.5 % do by
chance, are counted as well. On 28 November 2026 four of 200 did, and none drafted a claim.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.models.model_names import NANO_FOLDER
from mi_checks.spec.behaviour import Behaviour
from mi_checks.studies.discovery.discovery import explore
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions

MODEL, PAIRS, DISCOVERIES = "nano-attn-2l", 64, 200
WITHOUT_NODES = ("logit_diff", "accuracy")
HELD_OUT = "on the held-out prompts"  # of the message of a discovery that ends there
INDUCTION: dict[str, Any] = {
    "A": {"tokens": "random"},
    "B": {"tokens": "random", "differs_from": "A"},
    "D": {"tokens": "random", "differs_from": ["A", "B"]},
    "C": {"tokens": "random", "differs_from": ["A", "B", "D"]},
    "query": {"same_as": "A"},
}
UNRELATED: dict[str, Any] = {
    "Y": {"tokens": "random", "differs_from": ["A", "B", "C", "D"]},
    "Z": {"tokens": "random", "differs_from": ["A", "B", "C", "D", "Y"]},
}


def induction(answer: str, foil: str, seed: int) -> Behaviour:
    """Return induction on random tokens with an answer and a foil."""
    prompts = {
        "variables": {**INDUCTION, **UNRELATED},
        "template": "{{ A }}{{ B }}{{ D }}{{ C }}{{ query }}",
        "corrupt": {"A": "D", "D": "A"},
        "answer": f"{{{{ {answer} }}}}",
        "foils": [f"{{{{ {foil} }}}}"],
        "count": PAIRS,
        "seed": seed,
    }
    data = {
        "name": "null",
        "summary": "nothing",
        "prompts": prompts,
        "checks": [{"logit_diff": {"at_least": 0}}],
        "models": {MODEL: {}},
    }
    return Behaviour.model_validate(data, by_alias=True, by_name=False)


def shuffled_model(folder: Path, seed: int) -> LoadedModel:
    """Return the model with the entries of every matrix in random order."""
    generator = torch.Generator().manual_seed(seed)
    shutil.copy(NANO_FOLDER / MODEL / "config.json", folder / "config.json")
    weights = load_file(NANO_FOLDER / MODEL / "model.safetensors")
    for name, values in weights.items():
        order = torch.randperm(values.numel(), generator=generator)
        weights[name] = values.flatten()[order].reshape(values.shape).contiguous()
    save_file(weights, folder / "model.safetensors")
    return load(f"{MODEL}={folder}", device="cpu")


def nulls(discoveries: int) -> Iterator[tuple[str, Behaviour, LoadedModel]]:
    """Yield behaviours without a mechanism, with their models."""
    trained = load(MODEL, device="cpu")
    for seed in range(discoveries // 2):
        yield "unrelated answers", induction("Y", "Z", seed), trained
    for seed in range(discoveries - discoveries // 2):
        with tempfile.TemporaryDirectory() as folder:
            yield "shuffled weights", induction("B", "C", seed), shuffled_model(Path(folder), seed)


def outcome(behaviour: Behaviour, loaded_model: LoadedModel) -> str:
    """Return how far a discovery got."""
    try:
        discovery = explore(behaviour, loaded_model, DiscoveryOptions(count=PAIRS))
    except MiChecksError as error:
        return "refused on the held-out prompts" if HELD_OUT in str(error) else "refused at once"
    kinds = {next(iter(line.entry)) for line in discovery.draft.lines}
    return "drafted without a node" if kinds <= {*WITHOUT_NODES} else "drafted a claim about a node"


def main() -> None:
    """Run the discoveries and print the counts."""
    torch.set_num_threads(1)
    discoveries = int(sys.argv[1]) if len(sys.argv) > 1 else DISCOVERIES
    counts = Counter((kind, outcome(behaviour, model)) for kind, behaviour, model in nulls(discoveries))
    for (kind, what), number in sorted(counts.items()):
        print(f"{kind}: {what}: {number}")


if __name__ == "__main__":
    main()
