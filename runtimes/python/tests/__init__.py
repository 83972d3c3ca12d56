"""Tests of the Python runtime: python3 -m unittest discover -s tests -t ."""
