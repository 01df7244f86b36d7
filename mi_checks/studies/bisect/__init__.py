"""A search for the two neighbouring checkpoints between which a check turns."""
