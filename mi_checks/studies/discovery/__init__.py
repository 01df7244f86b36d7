"""A behaviour and a model → the nodes, paths and circuit that carry it there: a draft of checks, with evidence."""
