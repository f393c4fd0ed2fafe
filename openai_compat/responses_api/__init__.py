"""The Responses API on top of the chat: requests are translated, outputs become items and events, turns are kept."""
