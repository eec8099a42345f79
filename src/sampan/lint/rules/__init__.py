"""One rule a file: RULE, with a bad and a good Dockerfile for its page; why it is one is the module's text."""
