"""What a user gives as data: checked, split, and put into batches for Keras."""
