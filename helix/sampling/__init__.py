"""From logits to tokens: one pipeline for plain and verified rows."""
