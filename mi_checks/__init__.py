"""pytest for circuits: behaviours of language models as YAML, checked by intervening on their heads and neurons."""

__version__ = "0.1.0"
