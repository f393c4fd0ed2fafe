"""A transformers model as the engine sees it: load, probe, batch, attend, run."""
