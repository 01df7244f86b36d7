"""Roles of components: their scores on probe prompts, the nodes bound by score, and the lock file of the bindings."""
