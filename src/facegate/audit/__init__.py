"""Instruments for whoever has to judge a host: what it gives, and what it leaves behind."""
