"""A registry of one's own: OCI distribution 1.1 over a folder or an object store.

medium -> layout -> blobs, manifests, uploads -> collection, verification        (no HTTP, no asyncio)
access, passwords, tokens -> guard; answers, routes -> application -> serving   (HTTP)
"""
