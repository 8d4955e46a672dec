"""What protects an ASGI application from its clients: limits for bodies, for slow readers and for connections.
Pure ASGI and asyncio; no web framework is imported."""
