"""In worker processes and beside them: what starts, limits, watches and ends them."""
