"""Sources of models, one module for each kind. Nothing here loads weights or imports torch."""
