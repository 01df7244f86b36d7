"""A behaviour and a model → the nodes, paths and circuit that carry it there, as a draft of checks with its evidence."""
