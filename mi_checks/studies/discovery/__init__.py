"""Discovery of the nodes, paths and circuit that implement a behaviour, as a draft of checks with evidence."""
