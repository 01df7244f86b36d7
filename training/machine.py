"""What a run was trained on, one line per different machine, so that a model card can say it."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import torch

LOG = "machines.jsonl"


def precision(device: torch.device) -> torch.dtype:
    """What products are computed in: bfloat16, but on CPUs that only emulate it, ten times slower than float32."""
    emulated = device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.float32 if emulated else torch.bfloat16


def record(run: Path, threads: int | None) -> None:
    """Note this machine in the run's folder, unless it was the last one noted."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    machine = {
        "precision": str(precision(device)).removeprefix("torch."),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "python": platform.python_version(),
        "threads": threads or torch.get_num_threads(),
        "torch": torch.__version__,
    }
    if machine not in machines(run)[-1:]:
        run.mkdir(parents=True, exist_ok=True)
        with (run / LOG).open("a") as log:
            log.write(json.dumps(machine, sort_keys=True) + "\n")


def machines(run: Path) -> list[dict[str, str | int]]:
    """The machines a run went through, first to last."""
    path = run / LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
