"""Speculative decoding: propose, then accept without loss (Leviathan et al., arXiv 2211.17192)."""
