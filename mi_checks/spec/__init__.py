"""The stage that turns YAML into a frozen, validated `Behaviour`."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "additions",
    "behaviour",
    "behaviour_checks",
    "check",
    "check_refs",
    "circuit_checks",
    "edges",
    "load_file",
    "model_validation",
    "named_nodes",
    "node_checks",
    "node_names",
    "nodes_on_model",
    "path_checks",
    "problems",
    "quotes",
    "recognition",
    "rename_models",
    "roles",
    "scoring",
    "template",
    "variables",
    "yaml_source",
]
