"""Other hosts of the same service, seen as one with this one: those that OPS_PEERS names."""

from plimsoll.peers.answers import PeerError
from plimsoll.peers.peers import Heard, Peers

__all__ = ["Heard", "PeerError", "Peers"]
