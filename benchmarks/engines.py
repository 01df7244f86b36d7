"""The bundled behaviours under both engines: `python benchmarks/engines.py [FILE…]` prints times and differences.

The exit code is 1 if a verdict differs, or an effect (or an end of its interval) by more than 1e-4. Single prompts may
differ by more, as both engines differ from float64: rounding errors grow where attention is sharp.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from sweeps import machine

from mi_checks.results.run import NO_LINE, CheckResult
from mi_checks.spec.load_file import load_behaviour
from mi_checks.suite.loaded_models import SuiteSettings
from mi_checks.suite.selection import checks_on
from mi_checks.suite.suite import Suite

MAX_DIFFERENCE = 1e-4
# Every kind of check, on all bundled models; TransformerLens takes most of an hour for the other behaviours.
DEFAULT_BEHAVIOURS = (
    "induction",
    "split_token_induction",
    "trigram",
    "python_argument_to_attribute",
    "python_closing_bracket",
    "python_for_range",
)
ROOT = Path(__file__).parents[1]


def run_engine(engine: str, paths: list[Path]) -> tuple[dict[str, CheckResult], float]:
    """Return the result of every check of the behaviours, by node id, and the total seconds with loading."""
    suite, results, began = Suite(SuiteSettings(engine=engine)), {}, time.perf_counter()
    for path in paths:
        loaded = load_behaviour(path, ROOT)
        for model in loaded.behaviour.models:
            for check, _ in checks_on(loaded, model):
                name = f"{loaded.behaviour.name}::{model}::{'absent' if check is None else check.id}"
                results[name] = suite.check(loaded, model, check, node_id=name, claimed_at=NO_LINE, rerun="")
            suite.close(loaded, model)
    return results, time.perf_counter() - began


def _effect_difference(a: CheckResult, b: CheckResult) -> float:
    if a.estimate is None or b.estimate is None:
        return 0.0 if a.estimate is b.estimate else float("inf")
    return max(abs(getattr(a.estimate, part) - getattr(b.estimate, part)) for part in ("value", "low", "high"))


def _prompt_difference(a: CheckResult, b: CheckResult) -> float:
    return float(np.abs(np.subtract(a.per_prompt, b.per_prompt)).max(initial=0.0))


def main() -> None:
    """Compare the engines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "behaviours",
        type=Path,
        nargs="*",
        default=[ROOT / "behaviours" / f"{name}.yaml" for name in DEFAULT_BEHAVIOURS],
    )
    parser.add_argument("--json", type=Path, help="also write what is said there")
    arguments = parser.parse_args()
    paths = arguments.behaviours
    torch.set_num_threads(1)  # as in `pytest behaviours/`
    reference, slow = run_engine("reference", paths)
    replay, fast = run_engine("replay", paths)
    verdicts = [name for name in replay if replay[name].outcome != reference[name].outcome]
    effects, prompts = (
        {name: difference(replay[name], reference[name]) for name in replay}
        for difference in (_effect_difference, _prompt_difference)
    )
    furthest = max(prompts, key=prompts.__getitem__)
    largest = max(effects.values())
    unit = getattr(replay[furthest].estimate, "unit", "")
    lines = [
        f"{len(replay)} checks: reference {slow:.1f} s, replay {fast:.1f} s, ratio {slow / fast:.1f}",
        f"verdicts that differ: {', '.join(verdicts) or 'none'}",
        f"largest difference of an effect or an end of its interval: {largest:.1e}",
        f"largest difference on a single prompt: {prompts[furthest]:.1e} {unit} ({furthest})",
    ]
    print("\n".join(lines))
    if arguments.json:
        content = {"machine": machine(), "lines": lines}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if verdicts or largest > MAX_DIFFERENCE:
        sys.exit(1)


if __name__ == "__main__":
    main()
