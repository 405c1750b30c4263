"""What facegate is used with: one integration each, imported by nobody here; each imports what it is for."""
