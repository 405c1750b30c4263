"""Locked memory that the worker can look at and then lose."""
