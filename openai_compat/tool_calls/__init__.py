"""Push parsers that split a model's text into content and tool calls; one file per format."""
