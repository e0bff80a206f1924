"""Segmentation masks of images of any size: the segmenter, its metrics and loss, and masks as images."""
