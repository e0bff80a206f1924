"""Keras layers of BEiT (Bao et al. 2022, https://arxiv.org/abs/2106.08254), which Keras and keras-nlp lack."""
