"""The training of the nano family: corpus, tokenizer, training, evaluation and model cards.

Nothing here runs at install or test time; `python -m training --help` lists the steps.
"""
