"""Pages that open offline: of a run, of a comparison, of a scene, of a lab. All are made of the same parts."""
