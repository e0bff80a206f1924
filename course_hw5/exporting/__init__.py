"""Models in the formats of other programs: written, loaded again by the program's own runtime, compared, and only then kept."""
