"""Proof that checks can fail: models in which a claim is false, on which its check must not pass."""
