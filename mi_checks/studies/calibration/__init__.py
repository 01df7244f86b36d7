"""How often claims pass where nothing is to be found, and how often intervals hold the truth: by simulation."""
