"""Engine outputs become response objects, whole or as a stream of chunks."""
