"""A whole cluster in one thread: real cores, simulated time, network, disks and processes.

world       the event heap, the clock, seeded randomness, simulated processes
network     messages that get lost, late, doubled; partitions; ordered streams that break
"""
