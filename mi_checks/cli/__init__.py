"""The verbs of the command line, one file each: `register` adds the parser of a verb and sets its `run` function."""
