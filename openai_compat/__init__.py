"""OpenAI's HTTP API in front of a Helix engine; it knows the protocol and nothing about tensors."""
