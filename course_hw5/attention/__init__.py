"""What attention weights say: analysis (arrays in, arrays out) and the viewer (arrays in, a page out)."""
