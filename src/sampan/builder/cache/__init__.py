"""What decides a step, what is stored of it, and why it was missed."""
