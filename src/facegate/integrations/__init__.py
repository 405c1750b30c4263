"""What facegate is used with: one file for each, imported by nobody here; each imports what it is for."""
