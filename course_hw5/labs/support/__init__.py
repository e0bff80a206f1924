"""What labs share: their tasks, small models and measurements, and the form of a result."""
