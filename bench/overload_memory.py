def memory_tables(*a):
    pass
