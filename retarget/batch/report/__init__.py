"""The page that a batch ends with."""
