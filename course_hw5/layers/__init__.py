"""Keras layers of BEiT, UPerNet and BERT that Keras and keras-nlp lack, or have slower."""
