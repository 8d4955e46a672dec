"""What cPanel's Passenger loads: the application as WSGI. Lifespan never runs there; the first request starts it."""

import sys
from pathlib import Path
from typing import Any

from a2wsgi import ASGIMiddleware

sys.path.insert(0, str(Path(__file__).resolve().parent))

from app.main import app

asgi: Any = app  # its types of messages are more exact than those of ASGI frameworks
application = ASGIMiddleware(asgi)
