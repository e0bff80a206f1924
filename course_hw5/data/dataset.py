"""What label maps say beside classes; here, since data, metrics and figures all read it, and no TensorFlow is needed."""

IGNORED = 255  # label of pixels for which no class is right
