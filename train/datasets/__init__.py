"""Published datasets as licence holders have them on disk: one module a dataset, one index file for each."""
