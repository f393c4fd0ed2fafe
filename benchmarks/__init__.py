"""Measurements, one file per question; README.md holds the answers."""
