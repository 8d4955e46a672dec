"""What may be wrong with a worker: the rules that `plimsoll.snapshot.diagnosis` asks, a subject a module."""
