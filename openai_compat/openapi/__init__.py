"""The document that describes every route: Litestar lists them, the schemas of the Structs say what they take."""
