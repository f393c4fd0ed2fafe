"""What the helix command can do, one module per word; heavy imports wait until a command runs."""
