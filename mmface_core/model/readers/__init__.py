"""Readers of face models as licence holders have them on disk, one module a format; `find.read_source` picks one."""
