"""Networks that are judged without training: sampled weights, and searches for weights."""
