"""What the bundled avatar is made of, computed from the default face model's sources; Blender puts it together."""
