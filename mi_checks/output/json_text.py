"""JSON as the commands print it."""

from __future__ import annotations

import json


def json_text(data: object) -> str:
    """Return data as JSON text, in the layout of all commands.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(data, indent=1, allow_nan=False, ensure_ascii=False)
