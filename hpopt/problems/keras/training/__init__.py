"""The training of a trial: its runs, its epochs, and what is kept of them."""
