"""The tests; what many share is in conftest.py."""
