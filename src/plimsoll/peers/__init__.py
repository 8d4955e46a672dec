"""Other hosts of the same service, seen as one with this one: those that OPS_PEERS names."""

from plimsoll.peers.peers import Peers

__all__ = ["Peers"]
