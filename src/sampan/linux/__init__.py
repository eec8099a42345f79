"""The kernel: thin functions over system calls. The only room that imports ctypes or subprocess."""
