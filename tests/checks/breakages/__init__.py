"""One thing at a time is broken on a good deployment: the check names it, and names nothing else."""
