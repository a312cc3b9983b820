"""Measure the weights: landmark error on annotated pictures, and everything on rendered heads whose truth is known."""
