"""The cache: measurements, prompts and guards of earlier runs, stored so that they need not be computed again."""
