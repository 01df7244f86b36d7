"""Where a model may come from, a file for each kind. Nothing here loads weights or imports torch."""
