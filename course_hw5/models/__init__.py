"""One Functional model per file."""
