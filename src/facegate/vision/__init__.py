"""Decoding, detection, meshing, encoding. Child side only: the worker never imports this package."""
