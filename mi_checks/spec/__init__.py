"""YAML → frozen, validated `Behaviour`."""
