"""Compilation of the programs: `python export.py FOLDER ROWS [NAME …]`, with the Python of Tracr's environment.

For each program it writes `NAME.npz`, its weights, and `NAME.json`: what each head and neuron computes, prompts with
the program's own outputs, and the carriers of their difference, decided by the program (`carrying.py`).
"""

from __future__ import annotations

import inspect
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from carrying import Carriers, ProgramPair
from programs import LETTERS, MAX_LETTERS, PROGRAMS, Program
from tracr.compiler import (
    assemble,
    basis_inference,
    compiling,
    craft_graph_to_model,
    craft_model_to_transformer,
    expr_to_craft_graph,
    nodes,
    rasp_to_graph,
)
from tracr.craft import bases, transformers
from tracr.rasp import rasp

LOGIT_GAIN = 10.0  # factor of the logits that stand for a number; those of categories are the program's outputs, 0 or 1
N_VERIFIED_PROMPTS = 4  # prompts on which Tracr's own model is run too


@dataclass(frozen=True)
class CompiledProgram:
    """A compiled program.

    Attributes:
        graph: its expressions, with their craft blocks.
        sink: the output's entry in the graph.
        model: Tracr's transformer.
        heads: maps an expression to its layer and head.
        neurons: maps an expression to its MLP, the layer, and the index of each of its neurons there.
    """

    graph: Any
    sink: Any
    model: assemble.AssembledTransformerModel
    heads: dict[str, tuple[int, int]]
    neurons: dict[str, tuple[transformers.MLP, int, list[int]]]


def compile_program(program: rasp.SOp) -> CompiledProgram:
    """Compile a program like `tracr.compiler.compiling`, and record where each expression is placed."""
    extracted = rasp_to_graph.extract_rasp_graph(program)
    graph, sources, sink = extracted.graph, extracted.sources, extracted.sink
    basis_inference.infer_bases(graph, sink, set(LETTERS), MAX_LETTERS)
    bos = bases.BasisDirection(rasp.tokens.label, compiling.COMPILER_BOS)
    expr_to_craft_graph.add_craft_components_to_rasp_graph(graph, bos_dir=bos)
    craft = craft_graph_to_model.craft_graph_to_model(graph, sources)
    model = craft_model_to_transformer.craft_model_to_transformer(
        craft_model=craft,
        graph=graph,
        sink=sink,
        max_seq_len=MAX_LETTERS,
        causal=True,
        compiler_bos=compiling.COMPILER_BOS,
        compiler_pad=compiling.COMPILER_PAD,
    )
    _, names = assemble._get_model_config_and_module_names(craft)
    heads: dict[str, tuple[int, int]] = {}
    neurons: dict[str, tuple[transformers.MLP, int, list[int]]] = {}
    blocks = {label: node[nodes.MODEL_BLOCK] for label, node in graph.nodes.items() if node.get(nodes.MODEL_BLOCK)}
    for name, module in zip(names, craft.blocks, strict=True):
        layer = int(name.split("/")[1].removeprefix("layer_"))
        for label, block in blocks.items():
            for part in block.blocks if isinstance(block, transformers.SeriesWithResiduals) else (block,):
                if isinstance(module, transformers.MLP):
                    if isinstance(part, transformers.MLP) and part.fst.output_space.issubspace(module.fst.output_space):
                        places = module.fst.output_space.index_by_direction
                        neurons[label] = part, layer, [places[each] for each in part.fst.output_space.basis]
                elif any(part is head for head in module.as_multi().heads()):
                    heads[label] = layer, [part is head for head in module.as_multi().heads()].index(True)
    return CompiledProgram(graph, sink, model, heads, neurons)


def craft_weights(made: CompiledProgram) -> dict[str, np.ndarray]:
    """Return a compiled program's weights by name, as arrays `in out` with heads side by side."""
    params, config = made.model.params, made.model.model_config
    tokens = [compiling.COMPILER_BOS, *LETTERS]
    encoding = made.model.input_encoder.encoding_map
    arrays = {
        "embed": np.asarray(params["token_embed"]["embeddings"])[[encoding[token] for token in tokens]],
        "pos_embed": np.asarray(params["pos_embed"]["embeddings"]),
        "n_heads": np.array(config.num_heads),
        "d_head": np.array(config.key_size),
    }
    for layer in range(config.num_layers):
        module = f"transformer/layer_{layer}"
        for part, name in zip("qkvo", ("query", "key", "value", "linear"), strict=True):
            arrays[f"{layer}.{part}"] = np.asarray(params[f"{module}/attn/{name}"]["w"])
        for part, name in (("in", "linear_1"), ("out", "linear_2")):
            arrays[f"{layer}.{part}"] = np.asarray(params[f"{module}/mlp/{name}"]["w"])
        for name, values in params.items():
            assert not name.startswith(module) or "b" not in values or not np.asarray(values["b"]).any()
    return arrays


def value_text(value: Any) -> str:
    """Return a value of a program as it is written in an output token."""
    return str(Fraction(value).limit_denominator(1000)) if isinstance(value, float) else str(value)


def craft_unembedding(made: CompiledProgram, values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights, `d_model value`, and biases that map a program's output to logits.

    A category's logit is its own direction of the residual stream. A number x is one direction, and the logit of a
    candidate v is GAIN · (v x − v²/2), which is largest for the nearest.
    """
    labels, sink = made.model.residual_labels, made.sink[nodes.EXPR]
    matrix, bias = np.zeros((len(labels), len(values))), np.zeros(len(values))
    for column, value in enumerate(values):
        if rasp.is_categorical(sink):
            matrix[labels.index(f"{sink.label}:{value}"), column] = 1
        else:
            matrix[labels.index(sink.label), column] = LOGIT_GAIN * value
            bias[column] = -LOGIT_GAIN * value**2 / 2
    return matrix, bias


def differing_neurons(made: CompiledProgram, pair: ProgramPair, label: str, position: int) -> list[int]:
    """Return the neurons of an expression's MLP that differ at a position, among those that write anything."""
    mlp, _, places = made.neurons[label]
    expression = made.graph.nodes[label][nodes.EXPR]
    basis = [str(direction) for direction in mlp.fst.input_space.basis]
    inputs = np.zeros((2, len(basis)))
    match expression:
        case rasp.Map():
            parts = (expression.inner,)
        case rasp.SequenceMap():
            parts = (expression.fst, expression.snd)
        case _:
            parts = ()
            column = basis.index(f"{label}_selector_width_attn_output")
            inputs[:, column] = [1 / (width + 1) for width in pair.values(expression, position)]
    for part in parts:
        for run, value in enumerate(pair.values(part, position)):
            if rasp.is_categorical(part):
                name = f"{part.label}:{value}"
                if name in basis:
                    inputs[run, basis.index(name)] = 1
            else:
                inputs[run, basis.index(part.label)] = value
    if "one" in basis:
        inputs[:, basis.index("one")] = 1
    clean, corrupt = np.maximum(inputs @ mlp.fst.matrix, 0)
    writes = np.abs(mlp.snd.matrix).max(1) > 0
    return [places[unit] for unit in np.flatnonzero((np.abs(clean - corrupt) > 1e-6) & writes)]


def build_rows(
    program: Program, made: CompiledProgram, count: int
) -> tuple[list[dict[str, str]], list[Carriers], list[set[str]], list[Any]]:
    """Draw prompts.

    Returns:
        the rows; the carriers of the difference of each; the neurons that carry it; and all output values of the
        program.
    """
    noise = random.Random(program.name)
    prompts, carried, cells, values, used = [], [], [], set(), set()
    expression = made.sink[nodes.EXPR]
    while len(prompts) < count:
        clean, corrupt = program.draw(noise)
        pair = ProgramPair(expression, clean, corrupt)
        answer, foil = pair.values(expression, -1)
        if answer == foil or answer is None or clean in used:
            continue
        used.add(clean)
        if foil is None:  # the program has no output here, and any other letter will do
            foil = noise.choice([letter for letter in LETTERS if letter != answer])
        values |= {answer, foil}
        one = pair.carried()
        neurons = set()
        for label, position in one.places:
            if label in made.neurons:
                layer = made.neurons[label][1]
                neurons |= {f"L{layer}N{unit}" for unit in differing_neurons(made, pair, label, position)}
        prompts.append({"clean": clean, "corrupt": corrupt, "answer": value_text(answer), "foil": value_text(foil)})
        carried.append(one)
        cells.append(neurons)
    return prompts, carried, cells, sorted(values)


def nodes_of(made: CompiledProgram, label: str) -> list[str]:
    """Return the head and the MLP layer that compute an expression, in the order of computation."""
    heads = [f"L{layer}H{head}" for layer, head in [made.heads[label]]] if label in made.heads else []
    return heads + ([f"L{made.neurons[label][1]}.mlp"] if label in made.neurons else [])


def paths_of(made: CompiledProgram, one: Carriers) -> set[str]:
    """Return the paths of one hop that carry a difference, from an expression's last node to its readers."""
    paths = set()
    labels = {label for label, _ in one.places}
    for part, reader, at in one.links:
        senders, receivers = nodes_of(made, part), nodes_of(made, reader)
        if senders and receivers:
            paths.add(f"{senders[-1]} -> {receivers[0]}" + ("" if at == "mlp" else f".{at}"))
    for label in labels:
        if len(nodes_of(made, label)) == 2:
            paths.add(" -> ".join(nodes_of(made, label)))
    paths.add(f"{nodes_of(made, made.sink[nodes.ID])[-1]} -> logits")
    return paths


def export_program(program: Program, count: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Compile a program and draw `count` prompt pairs; return its weights and what is known about it."""
    made = compile_program(program.build())
    prompts, carried, cells, values = build_rows(program, made, count)
    arrays = craft_weights(made)
    arrays["unembed"], arrays["unembed_bias"] = craft_unembedding(made, values)
    for row in prompts[:N_VERIFIED_PROMPTS]:
        out = made.model.apply([compiling.COMPILER_BOS, *row["clean"]]).decoded[-1]
        spelt = out if isinstance(out, str) else value_text(out)
        assert spelt == row["answer"], f"{program.name}: {row['clean']} gives {out}, not {row['answer']}"
    share = 1 / len(prompts)
    node_counts = Counter(
        node for one in carried for node in {node for label, _ in one.places for node in nodes_of(made, label)}
    )
    path_counts = Counter(path for one in carried for path in paths_of(made, one))
    cell_counts = Counter(cell for one in cells for cell in one)
    expressions: dict[str, list[str]] = {}
    for label in made.graph.nodes:
        for node in nodes_of(made, label):
            expressions.setdefault(node, []).append(made.graph.nodes[label][nodes.EXPR].name)
    return arrays, {
        "name": program.name,
        "summary": program.summary,
        "program": inspect.getsource(program.build).strip(),
        "values": [value_text(value) for value in values],
        "expressions": dict(sorted(expressions.items())),
        "neurons": sorted(
            {f"L{layer}N{place}" for _, layer, places in made.neurons.values() for place in places}, key=_in_order
        ),
        "carrying": {
            "nodes": {name: count * share for name, count in sorted(node_counts.items())},
            "neurons": {name: count * share for name, count in sorted(cell_counts.items())},
            "paths": {name: count * share for name, count in sorted(path_counts.items())},
        },
        "rows": prompts,
    }


def _in_order(neuron: str) -> tuple[int, int]:
    layer, place = neuron.removeprefix("L").split("N")
    return int(layer), int(place)


def main() -> None:
    """Write all programs, or those with the given names."""
    folder, count, *names = sys.argv[1:]
    unknown = sorted(set(names) - {program.name for program in PROGRAMS})
    if unknown:
        sys.exit(f"no program {', '.join(unknown)}; there are {', '.join(program.name for program in PROGRAMS)}")
    for program in PROGRAMS:
        if not names or program.name in names:
            arrays, known = export_program(program, int(count))
            np.savez_compressed(Path(folder) / f"{program.name}.npz", **arrays)
            lines = ",\n  ".join(json.dumps(row) for row in known.pop("rows"))
            text = f'{json.dumps(known, indent=1)[:-2]},\n "rows": [\n  {lines}\n ]\n}}\n'
            (Path(folder) / f"{program.name}.json").write_text(text, encoding="utf-8")
            print(f"{program.name}: {', '.join(f'{n} {s:.2f}' for n, s in known['carrying']['nodes'].items())}")


if __name__ == "__main__":
    main()
