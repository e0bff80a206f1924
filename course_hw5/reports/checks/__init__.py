"""Checks of a finished or interrupted training, from its run folder: what is off, what it means, what to try.

`diagnosis` runs them; each check is one function. Only `examined_model` loads Keras.
"""
