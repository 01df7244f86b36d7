"""A model of several compiled programs side by side, each in its own part of the residual stream.

All programs read every prompt, each with its own heads and neurons, and write to their own output tokens. A node of one
program therefore computes on the prompts of the others too, without being part of their behaviours.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

BOS = "<s>"
LETTERS = "abcdef"  # as in tracr_programs/programs.py
N_PAIRS = 96  # prompt pairs of each behaviour's checks; discovery draws twice as many others


@dataclass(frozen=True)
class Program:
    """A compiled program, as `tracr_programs/export.py` writes it.

    Attributes:
        known: its JSON.
        weights: its arrays.
    """

    known: Mapping[str, Any]
    weights: Mapping[str, np.ndarray]

    @property
    def name(self) -> str:
        """Return the program's name."""
        return str(self.known["name"])

    @property
    def width(self) -> int:
        """Return the width of its residual stream."""
        return self.weights["embed"].shape[1]

    @cached_property
    def depth(self) -> int:
        """Return the number of its layers."""
        return 1 + max(int(name.split(".")[0]) for name in self.weights if name[0].isdigit())

    def heads(self, layer: int) -> int:
        """Return how many heads of a layer compute anything."""
        named = [re.fullmatch(rf"L{layer}H(\d+)", node) for node in self.known["expressions"]]
        return max((int(found[1]) + 1 for found in named if found), default=0)

    def neurons(self, layer: int) -> int:
        """Return how many neurons of a layer compute anything."""
        named = [re.fullmatch(rf"L{layer}N(\d+)", node) for node in self.known["neurons"]]
        return max((int(found[1]) + 1 for found in named if found), default=0)

    def word(self, value: str) -> str:
        """Return the output token that stands for a value."""
        return f" {self.name}={value}"


@dataclass(frozen=True)
class ProgramPlacement:
    """The position of a program in a model.

    Attributes:
        layer: the model's layer that is the program's first.
        heads: for each layer of the program, the model's head there that is the program's first.
        neurons: the same for neurons.
        stream: the first dimension of its part of the residual stream.
    """

    layer: int
    heads: tuple[int, ...]
    neurons: tuple[int, ...]
    stream: int

    def node(self, name: str) -> str:
        """Return the model's name of a node, an input or a path of the program."""
        return re.sub(r"L(\d+)([HN])(\d+)|L(\d+)(?=\.mlp)", self._renamed, name)

    def _renamed(self, found: re.Match[str]) -> str:
        layer = int(found[1] or found[4] or 0)
        if found[2] is None:
            return f"L{layer + self.layer}"
        first = (self.heads if found[2] == "H" else self.neurons)[layer]
        return f"L{layer + self.layer}{found[2]}{int(found[3]) + first}"


def read_programs(folder: Path, names: Sequence[str] = ()) -> list[Program]:
    """Read all programs of a folder, or those with the given names, in alphabetical order."""
    paths = [path for path in sorted(folder.glob("*.json")) if not names or path.stem in names]
    return [
        Program(json.loads(path.read_text(encoding="utf-8")), dict(np.load(path.with_suffix(".npz")))) for path in paths
    ]


def place_programs(programs: Sequence[Program]) -> dict[str, ProgramPlacement]:
    """Assign layers and heads to each program, the deepest first, where its widest layer stays narrowest."""
    depth = max(program.depth for program in programs)
    heads, neurons, stream = [0] * depth, [0] * depth, 0
    places = {}
    for program in sorted(programs, key=lambda program: (-program.depth, program.name)):
        own = range(program.depth)

        def crowded(first: int, program: Program = program, own: range = own) -> tuple[int, int, int]:
            widest = max(heads[first + layer] + program.heads(layer) for layer in own)
            return widest, max(neurons[first + layer] + program.neurons(layer) for layer in own), first

        first = min(range(depth - program.depth + 1), key=crowded)
        places[program.name] = ProgramPlacement(
            first, tuple(heads[first + layer] for layer in own), tuple(neurons[first + layer] for layer in own), stream
        )
        for layer in own:
            heads[first + layer] += program.heads(layer)
            neurons[first + layer] += program.neurons(layer)
        stream += program.width
    return places


class CombinedModel:
    """The weights of several programs side by side, in the layout of TransformerLens' native model."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self.programs = tuple(programs)
        self.places = place_programs(programs)
        self.words = [BOS, *(f" {letter}" for letter in LETTERS)]
        self.words += [program.word(value) for program in programs for value in program.known["values"]]
        self.n_layers = max(program.depth for program in programs)
        self.n_heads = max(self._ends("heads"))
        self.d_mlp = max(self._ends("neurons"))
        self.d_head = max(int(program.weights["d_head"]) for program in programs)
        self.d_model = sum(program.width for program in programs)
        self.n_ctx = programs[0].weights["pos_embed"].shape[0]
        self.weights = self._weights()

    def _ends(self, kind: str) -> list[int]:
        return [
            getattr(self.places[program.name], kind)[layer] + getattr(program, kind)(layer)
            for program in self.programs
            for layer in range(program.depth)
        ]

    @property
    def config(self) -> dict[str, Any]:
        """Return the keys of TransformerBridgeConfig."""
        return {
            "n_layers": self.n_layers, "n_heads": self.n_heads, "d_head": self.d_head, "d_model": self.d_model,
            "n_ctx": self.n_ctx, "d_vocab": len(self.words), "d_mlp": self.d_mlp, "act_fn": "relu",
            "normalization_type": None, "attn_only": False,
        }  # fmt: skip

    def _weights(self) -> dict[str, np.ndarray]:
        wide, inner = self.n_heads * self.d_head, self.d_mlp
        arrays = {
            "tok_embed.weight": np.zeros((len(self.words), self.d_model)),
            "pos.weight": np.zeros((self.n_ctx, self.d_model)),
            "head.weight": np.zeros((len(self.words), self.d_model)),
            "head.bias": np.zeros(len(self.words)),
        }
        for layer in range(self.n_layers):
            attn, mlp = f"layers.{layer}.attn", f"layers.{layer}.mlp"
            for part in "qkv":
                arrays[f"{attn}.{part}.weight"] = np.zeros((wide, self.d_model))
                arrays[f"{attn}.{part}.bias"] = np.zeros(wide)
            arrays |= {f"{attn}.o.weight": np.zeros((self.d_model, wide)), f"{attn}.o.bias": np.zeros(self.d_model)}
            arrays |= {f"{mlp}.fc_in.weight": np.zeros((inner, self.d_model)), f"{mlp}.fc_in.bias": np.zeros(inner)}
            arrays |= {
                f"{mlp}.fc_out.weight": np.zeros((self.d_model, inner)), f"{mlp}.fc_out.bias": np.zeros(self.d_model)
            }  # fmt: skip
        for program in self.programs:
            self._fill(arrays, program)
        return arrays

    def _fill(self, arrays: dict[str, np.ndarray], program: Program) -> None:
        place, given = self.places[program.name], program.weights
        stream = slice(place.stream, place.stream + program.width)
        arrays["tok_embed.weight"][: len(given["embed"]), stream] = given["embed"]
        arrays["pos.weight"][:, stream] = given["pos_embed"]
        rows = [self.words.index(program.word(value)) for value in program.known["values"]]
        arrays["head.weight"][rows, stream] = given["unembed"].T
        arrays["head.bias"][rows] = given["unembed_bias"]
        for layer in range(program.depth):
            attn, mlp = f"layers.{layer + place.layer}.attn", f"layers.{layer + place.layer}.mlp"
            own = int(given["d_head"])
            for head in range(program.heads(layer)):
                theirs = slice(head * own, (head + 1) * own)
                first = (place.heads[layer] + head) * self.d_head
                ours = slice(first, first + own)
                # Scores are divided by the square root of the head width, which differs here.
                scale = {"q": math.sqrt(self.d_head / own), "k": 1.0, "v": 1.0}
                for part in "qkv":
                    arrays[f"{attn}.{part}.weight"][ours, stream] = scale[part] * given[f"{layer}.{part}"][:, theirs].T
                arrays[f"{attn}.o.weight"][stream, ours] = given[f"{layer}.o"][theirs].T
            count, first = program.neurons(layer), place.neurons[layer]
            arrays[f"{mlp}.fc_in.weight"][first : first + count, stream] = given[f"{layer}.in"][:, :count].T
            arrays[f"{mlp}.fc_out.weight"][stream, first : first + count] = given[f"{layer}.out"][:count].T

    @property
    def nodes(self) -> tuple[str, ...]:
        """Return all heads that compute anything, and the MLP layers, in the order of the model."""
        heads = {
            self.places[program.name].node(node)
            for program in self.programs
            for node in program.known["expressions"]
            if "H" in node
        }
        return tuple(sorted(heads)) + tuple(f"L{layer}.mlp" for layer in range(self.n_layers))

    @property
    def described(self) -> str:
        """Return a short description of the model."""
        heads = sum("H" in node for node in self.nodes)
        neurons = sum(len(program.known["neurons"]) for program in self.programs)
        return (
            f"{len(self.programs)} programs side by side in one model of {self.n_layers} layers: {heads} heads, "
            f"{self.n_layers} MLP layers and {neurons:,} neurons that compute anything"
        )

    def truth(self, program: Program) -> dict[str, Any]:
        """Return the truth about a program in this model: what carries, on what fraction of prompts, and what it is.

        Returns:
            `nodes`, `neurons` and `paths`, maps from a name to a fraction of prompt pairs; `neurons_of`, all neurons of
            the program; and `expressions`, a map from a node to what it computes.
        """
        rename, known = self.places[program.name].node, program.known
        carrying = {
            kind: {rename(name): share for name, share in shares.items()} for kind, shares in known["carrying"].items()
        }
        expressions = {rename(node): labels for node, labels in known["expressions"].items()}
        return {**carrying, "neurons_of": [rename(name) for name in known["neurons"]], "expressions": expressions}

    def write(self, folder: Path, pairs: int = N_PAIRS) -> None:
        """Write the model, and a behaviour file with its prompts for each program.

        Args:
            folder: the folder for `model/`, `NAME.yaml`, `NAME.csv` and `truth.json`; it is created if necessary.
            pairs: prompt pairs of each behaviour's checks.
        """
        model = folder / "model"
        model.mkdir(parents=True, exist_ok=True)
        tensors = {name: torch.tensor(array, dtype=torch.float32) for name, array in self.weights.items()}
        save_file(tensors, model / "model.safetensors")
        (model / "config.json").write_text(json.dumps(self.config, indent=1) + "\n", encoding="utf-8")
        build_tokenizer(self.words).save(str(model / "tokenizer.json"))
        truth = {program.name: self.truth(program) for program in self.programs}
        (folder / "truth.json").write_text(
            json.dumps({"nodes": self.nodes, "programs": truth}, indent=1) + "\n", encoding="utf-8"
        )
        for program in self.programs:
            with (folder / f"{program.name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("clean", "corrupt", "answer", "foil"))
                for row in program.known["rows"]:
                    writer.writerow(
                        (*("".join(f" {letter}" for letter in row[side]) for side in ("clean", "corrupt")),
                         *(program.word(row[value]) for value in ("answer", "foil")))
                    )  # fmt: skip
            text = yaml.safe_dump(behaviour_data(program, pairs), sort_keys=False, width=110)
            (folder / f"{program.name}.yaml").write_text(text, encoding="utf-8")


def behaviour_data(program: Program, pairs: int) -> dict[str, Any]:
    """Return a program's behaviour as data of a file; its own outputs are the answers, and it has no node claims."""
    lengths = {len(row[side]) for row in program.known["rows"] for side in ("clean", "corrupt")}
    return {
        "name": program.name,
        "summary": program.known["summary"],
        "prompts": {
            "count": pairs,
            "variables": {"row": {"file": f"{program.name}.csv"}},
            "template": "{{ row.clean }}",
            "corrupt": {"row.clean": "row.corrupt"},
            "answer": "{{ row.answer }}",
            "foils": ["{{ row.foil }}"],
            **({"align": "labels"} if len(lengths) > 1 else {}),
        },
        "checks": [{"accuracy": {"at_least": 0.9}}],
        "models": {"model": {}},
    }


def build_tokenizer(words: Sequence[str]) -> Tokenizer:
    """Return a tokenizer of which each word, with the space before it, is one token."""
    made = Tokenizer(models.WordLevel({word.replace(" ", "▁"): place for place, word in enumerate(words)}, BOS))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    made.decoder = decoders.Metaspace(prepend_scheme="never")
    return made
