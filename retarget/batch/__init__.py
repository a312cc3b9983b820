"""Many clips onto many rigs, on many processes or machines, so that nothing is lost when one of them ends."""
