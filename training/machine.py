"""A log of the machines that a run was trained on, one line for each, for the model card."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import torch

LOG = "machines.jsonl"


def precision(device: torch.device) -> torch.dtype:
    """Return the dtype of products: bfloat16, or float32 on a CPU that emulates bfloat16 ten times slower."""
    emulated = device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.float32 if emulated else torch.bfloat16


def record_machine(run: Path, threads: int | None) -> None:
    """Append this machine to the log in the run's folder, unless it is the last entry."""
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
    """Return the machines of a run, first to last."""
    path = run / LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
