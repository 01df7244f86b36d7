"""Discovery of the nodes, paths and circuit that implement a behaviour, as a draft of checks with evidence.

The entry points are `discovery.discover(loaded, model)` and `draft_yaml.discovery_yaml(discovery)`.
"""
