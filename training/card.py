"""Model cards, in which every number comes from `metrics.json`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

TEMPLATE = Path(__file__).with_name("card.md.jinja")
LAYERS = {1: "one", 2: "two", 3: "three", 4: "four"}
MLPS = {"gelu": "GELU", "solu_ln": "SoLU (softmax linear units, then a layer norm)"}


def render(metrics: Mapping[str, Any]) -> str:
    """Return the card of one model, in Markdown."""
    environment = jinja2.Environment(  # noqa: S701 (Markdown, not HTML)
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["nats"] = lambda loss: f"{loss:.3f}"
    environment.filters["whole"] = lambda count: f"{count:,}"
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    config, mix = metrics["config"], metrics["recipe"]["mix"]
    repeated = mix["repeated_random"] + mix["repeated_text"]
    card = template.render(
        metrics,
        layers=LAYERS.get(config["n_layers"], config["n_layers"]),
        mlp=None if config["attn_only"] else MLPS[config["act_fn"]],
        prose_share=1 - mix["code"] - repeated,
        repeated_share=repeated,
        minutes=metrics["run"]["seconds"] / 60,
        ratio=metrics["repeats"]["second_copy"] / metrics["repeats"]["first_copy"],
        threads=_only_thread_count(metrics["run"]["machines"]),
    )
    return "\n\n".join(_filled(paragraph) for paragraph in re.split(r"\n{2,}", card.strip())) + "\n"


def _filled(paragraph: str) -> str:
    verbatim = paragraph.startswith(("|", "#", "    "))
    return paragraph if verbatim else textwrap.fill(paragraph, 119, break_long_words=False, break_on_hyphens=False)


def _only_thread_count(machines: list[Mapping[str, Any]]) -> int | None:
    counts = {machine["threads"] for machine in machines if machine["device"] == "CPU"}
    return counts.pop() if len(counts) == 1 and all(machine["device"] == "CPU" for machine in machines) else None
