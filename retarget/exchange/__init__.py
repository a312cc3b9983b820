"""Out to other tools and in from them: one module for each format."""
