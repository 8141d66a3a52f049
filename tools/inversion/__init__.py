"""Measurements of the inverters."""
