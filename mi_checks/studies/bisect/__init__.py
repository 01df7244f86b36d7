"""Between which two checkpoints a check turns."""
