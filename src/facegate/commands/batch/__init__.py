"""``facegate redact`` for many files: what to take, where it goes, what is done already, how it runs."""
