"""Helix's own CPU kernels: compiled once per machine, checked when loaded, never required."""
