"""A venue-booking service: the backend that the operator's note describes, on top of Plimsoll."""
