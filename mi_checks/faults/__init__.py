"""Unexpected exceptions: their messages of one line, and the evidence that is left out because of them."""
