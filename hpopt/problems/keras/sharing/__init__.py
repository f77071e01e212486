"""Train networks of equal architecture by one traced step."""
