"""KV cache in blocks: who owns which, and the tensors behind them (PagedAttention, arXiv 2309.06180)."""
