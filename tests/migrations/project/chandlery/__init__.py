"""A small application with migrations, for tests of these and of the command."""
