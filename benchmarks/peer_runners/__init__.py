"""One module per program that Helix is compared with; each runs in an environment of its own."""
