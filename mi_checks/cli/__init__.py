"""The verbs of the command line, a file for each: `register` adds its parser and sets `run` to what it does."""
