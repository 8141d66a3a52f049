"""Measurements of `forensics attribute`."""
