"""OpenAI's objects, field for field, as they travel over the wire."""
