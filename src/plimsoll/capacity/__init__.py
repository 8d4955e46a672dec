"""How many connections a deployment needs, may have and should ask for. Pure: facts and settings in, numbers and
reasons out."""
