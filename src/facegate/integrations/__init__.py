"""Where workers live: one integration each, imported by nobody in here."""
