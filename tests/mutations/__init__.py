"""Every protection is taken away once, to see which tests notice: ``python -m tests.mutations.run``."""
