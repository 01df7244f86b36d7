"""Loaders, one for each layout. Pickles that can run code, and a model's own code, are never loaded."""
