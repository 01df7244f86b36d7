"""The export of a finished run to `mi_checks/models/nano/<model>/`, if its model meets the criteria."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from training import card, evaluate, machine
from training.corpus import MANIFEST, documents, packages
from training.model import SHAPES
from training.train import LossProbe

FALL_FRACTIONS = (
    0.1,
    0.5,
    0.9,
)  # fractions of the fall in the second copy's loss: start, middle and end of the phase change


class ExportRefusedError(Exception):
    """The run is unfinished, or its model fails a criterion; nothing was written."""


def export(model: str, bench: evaluate.EvaluationData, *, data: Path, runs: Path, nano: Path) -> Path:
    """Evaluate a finished run's float16 weights and, if they meet the criteria, ship them; return the folder.

    Raises:
        ExportRefusedError: the run has no final weights, or the model fails a criterion of its shape.
    """
    run, shape = runs / model, SHAPES[model]
    weights = run / "final.safetensors"
    if not weights.exists():
        raise ExportRefusedError(
            f"{model}: not finished: {weights} does not exist; run `python -m training train {model}`"
        )
    nano_model = evaluate.load_weights(weights, shape)
    evaluation = bench.evaluate(nano_model)
    if failures := evaluation.failures(shape):
        raise ExportRefusedError(f"{model}: not exported: " + "; ".join(failures))
    probes = [LossProbe(**json.loads(line)) for line in (run / "log.jsonl").read_text().splitlines()]
    history = select_checkpoints(
        probes, {int(path.stem.split("-")[1]): path for path in run.glob("step-*.safetensors")}
    )
    recipe = json.loads((run / "recipe.json").read_text())
    metrics: dict[str, Any] = {
        "model": model,
        "config": shape.bridge_config(),
        "parameters": sum(parameter.numel() for parameter in nano_model.parameters()),
        "recipe": recipe,
        "run": {
            "machines": machine.machines(run),
            "seconds": probes[-1].seconds,
            "tokens_seen": recipe["steps"] * recipe["batch_size"] * shape.n_ctx,
        },
        "corpus": corpus_facts(data),
        "tokenizer": tokenizer_facts(nano / "tokenizer.json"),
        "held_out": {
            "windows": len(bench.rows["code"]),
            "tokens": bench.rows["code"][:, 1:].size,
            "bigram_prior": bench.bigram.prior,
            "code": asdict(evaluation.code),
            "prose": asdict(evaluation.prose),
        },
        "repeats": {
            **asdict(evaluation.repeats),
            "sequences": evaluate.N_REPEATS,
            "length": evaluate.REPEAT_LENGTH,
            "seed": evaluate.REPEAT_SEED,
        },
        "criteria": {
            "beats_bigram": evaluation.beats_bigram,
            "shows_induction": evaluation.repeats.shows_induction,
            "induction_ratio": evaluate.MAX_INDUCTION_RATIO,
        },
        "phase_change": phase_change(probes) if evaluation.repeats.shows_induction else None,
        "checkpoints": [
            {
                "file": f"checkpoints/{path.name}",
                "step": step,
                **_loss_values(bench.evaluate(evaluate.load_weights(path, shape))),
            }
            for step, path in history.items()
        ],
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    metrics = _round_losses(metrics)

    staged = nano / f".{model}.staged"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    shutil.copyfile(weights, staged / "model.safetensors")  # not copy(): the run's files are private to their owner
    if history:
        (staged / "checkpoints").mkdir()
    for path in history.values():
        shutil.copyfile(path, staged / "checkpoints" / path.name)
    (staged / "config.json").write_text(_json(shape.bridge_config()))
    (staged / "metrics.json").write_text(_json(metrics))
    (staged / "README.md").write_text(card.render(metrics))
    return _replace(nano / model, staged)


def phase_change(probes: Sequence[LossProbe]) -> dict[str, int]:
    """Return the first probed steps at which 10, 50 and 90 % of the second copy's fall in loss were done."""
    top = max(probe.second_copy for probe in probes)
    bottom = min(probe.second_copy for probe in probes)
    return {
        f"{fall:.0%}": next(probe.step for probe in probes if probe.second_copy <= top - fall * (top - bottom))
        for fall in FALL_FRACTIONS
    }


def select_checkpoints(probes: Sequence[LossProbe], saved: Mapping[int, Path]) -> dict[int, Path]:
    """Return four saved steps: an early one, and three around the start, middle and end of the phase change.

    They are one early step, the last before the change, the one nearest to its middle, and the first after it. If some
    of them coincide, because the change is faster than the saving, later steps are added.
    """
    if not saved:
        return {}
    begin, middle, end = phase_change(probes).values()
    before = max((step for step in saved if step < begin), default=min(saved))
    after = min((step for step in saved if step >= end), default=max(saved))
    chosen = {min(saved, key=lambda step: (abs(step - begin / 2), step)), before, after}
    between = [step for step in saved if before < step < after]
    chosen |= {min(between, key=lambda step: (abs(step - middle), step))} if between else set()
    later = sorted(step for step in saved if step > after)
    chosen |= set(later[: max(0, 4 - len(chosen))])
    return {step: saved[step] for step in sorted(chosen)}


def corpus_facts(data: Path) -> dict[str, Any]:
    """Return the packages with their characters, and the tokens per kind and split; cached per manifest."""
    digest = hashlib.sha256(MANIFEST.read_bytes()).hexdigest()
    cache = data / "characters.json"
    if not cache.exists() or json.loads(cache.read_text())["manifest"] != digest:
        counts: Counter[str] = Counter()
        for doc in documents(data / "packages"):
            counts[f"{doc.package} {'held out' if doc.held_out else 'train'}"] += len(doc.text)
        cache.write_text(_json({"manifest": digest, "characters": counts}))
    characters: dict[str, int] = json.loads(cache.read_text())["characters"]
    sources = [
        {
            "name": package.name,
            "version": package.version,
            "kind": package.kind,
            "registry": package.registry,
            "licence": package.licence,
            "characters": characters.get(f"{package.name} train", 0),
            "characters_held_out": characters.get(f"{package.name} held out", 0),
        }
        for package in packages()
    ]
    tokens = {
        f"{kind} {split}": len(np.load(data / f"{kind}-{split}.npy", mmap_mode="r"))
        for kind in evaluate.KINDS
        for split in ("train", "held_out")
    }
    return {"packages": sources, "tokens": tokens}


def tokenizer_facts(path: Path) -> dict[str, Any]:
    """Return the size, the special token, and how much of the vocabulary is words with a leading space."""
    tokenizer = Tokenizer.from_file(str(path))
    words = [token[1:] for token in tokenizer.get_vocab() if token.startswith("Ġ") and token[1:].isalpha()]
    split = sum(len(tokenizer.encode(word, add_special_tokens=False).ids) > 1 for word in words)
    return {
        "size": tokenizer.get_vocab_size(),
        "first": tokenizer.id_to_token(0),
        "words_with_space": len(words),
        "of_these_split_without_space": split,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _loss_values(found: evaluate.Evaluation) -> dict[str, float]:
    return {
        "code": found.code.model,
        "prose": found.prose.model,
        "first_copy": found.repeats.first_copy,
        "second_copy": found.repeats.second_copy,
    }


def _round_losses(value: Any) -> Any:
    """Round losses to four decimals, since more would differ between machines."""
    if isinstance(value, float):
        return round(value, 4) if abs(value) >= 1e-3 else value
    if isinstance(value, Mapping):
        return {key: _round_losses(inner) for key, inner in value.items()}
    return [_round_losses(inner) for inner in value] if isinstance(value, list) else value


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _replace(folder: Path, staged: Path) -> Path:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staged.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return folder
