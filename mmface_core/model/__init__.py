"""The face as numbers: the linear model, its landmarks, its subdivision, and how the bundled default is built."""
