"""The engines: interventions on a `LoadedModel` over a `PromptBatch` → effects per prompt."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "attribution_patching",
    "choose_engine",
    "clean_run_quantities",
    "composition",
    "direct_attribution",
    "engine",
    "guards.guard_model",
    "intervention_quantities",
    "interventions",
    "nodes",
    "readout",
    "replay.forward_pass",
    "replay.memory_budget",
    "replay.replay_engine",
    "residual_stream",
    "transformer",
]
