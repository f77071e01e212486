"""Train networks of equal architecture together, as one computation."""
