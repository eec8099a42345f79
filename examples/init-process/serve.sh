#!/bin/sh
# Children whose parent ends at once become children of process 1.
for child in 1 2 3; do
    (sleep 0.2 &)
done
echo "serving"
# It neither collects children nor has a handler for SIGTERM, like many servers.
exec sleep 1000000
