"""Measurements: figures are ratios between things measured in one run."""
