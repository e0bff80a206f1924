"""Text to token ids and back. Loads no TensorFlow."""
