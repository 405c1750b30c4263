"""What looks for a way out of a request: one small class for each kind of channel, each with a control of its own."""
