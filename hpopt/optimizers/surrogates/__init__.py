"""What the strategies that learn a model of the losses share."""
