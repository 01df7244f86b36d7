"""Checks of a model when it is loaded: does TransformerLens' bridge compute, read and edit what the model does?"""
