"""Roles of components: scores on probe prompts, the nodes they bind, and the file that holds the binding."""
