"""A profile of a row of `sweeps.py` by operation: `python benchmarks/profile_sweep.py ROW`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parent))
import sweeps

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.replay.replay_engine import ReplayEngine


def main() -> None:
    """Print torch's table of operations, by their own time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", type=int, help="from 1")
    case = sweeps.cases()[parser.parse_args().row - 1]()
    model = replayable_model(case.loaded_model)
    assert model is not None

    def run() -> None:
        ReplayEngine(case.loaded_model, case.batch, model).scores(case.interventions)

    run()
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as taken:
        run()
    print(taken.key_averages(group_by_input_shape=True).table(sort_by="self_cpu_time_total", row_limit=25))


if __name__ == "__main__":
    main()
