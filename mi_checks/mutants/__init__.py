"""Mutation testing of checks: models in which a claim is false, on which its check must therefore fail."""
