"""One file for each command of ``facegate``; `facegate.cli` puts them together."""
