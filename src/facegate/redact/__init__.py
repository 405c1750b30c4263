"""Redaction kernels. Child side only: the worker never imports this package."""
