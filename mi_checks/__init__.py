"""pytest for circuits: behaviours of language models as YAML, checked by intervening on their heads and neurons.

The public names are those of `mi_checks.api`, which is imported when one of them is first used: importing the package
alone, as the pytest plugin does, loads neither torch nor numpy. Type checkers read `__init__.pyi`.
"""

import importlib

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Return a public name of `mi_checks.api`."""
    if not name.startswith("_") and name != "api":
        api = importlib.import_module("mi_checks.api")
        if name in api.__all__:
            return getattr(api, name)
    raise AttributeError(f"module 'mi_checks' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted([*importlib.import_module("mi_checks.api").__all__, "__version__"])
