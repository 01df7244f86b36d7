"""The stage that turns YAML into a frozen, validated `Behaviour`."""
