"""What the files of an image say about it: the packages that are installed in it, and the system that it is."""
