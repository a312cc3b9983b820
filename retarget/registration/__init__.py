"""Lays the default face model over a rig's neutral shape: where the face is, how it is turned, which point is which."""
