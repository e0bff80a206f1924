"""Thirty questions with images, for a lecture or for Moodle: `questions.toml` is the data, images and numbers are computed."""
