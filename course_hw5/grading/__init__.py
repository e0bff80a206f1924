"""An assignment from one source: notebooks for students, each a variant of its own, and the grader of what they hand in."""
