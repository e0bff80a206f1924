"""Data sets as `tf.data`, and their augmentation."""
