"""The engines: interventions on a `LoadedModel` over a `PromptBatch` → effects per prompt."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "attended",
    "attribution_patching",
    "base_run",
    "changes",
    "choose_engine",
    "composition",
    "direct",
    "edge_circuits",
    "engine",
    "families",
    "guards.guard",
    "interventions",
    "neuron_quantities",
    "nodes",
    "ranks",
    "replay.forward_pass",
    "replay.memory",
    "replay.replay_engine",
    "rounding",
    "scores",
    "transformer",
]
