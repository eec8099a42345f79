"""Exit code 0 when the service of this container answers, 1 when it does not."""

import os
import sys
import urllib.request

try:
    with urllib.request.urlopen(f"http://127.0.0.1:{os.environ.get('PORT', '5000')}/health", timeout=2) as answer:
        print(answer.read().decode())
except OSError as error:
    print(error)
    sys.exit(1)
