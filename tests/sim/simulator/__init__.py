"""A whole cluster in one thread: real cores, simulated time, network, disks and processes.

world, network, disk        events, clock and luck; messages; disks that forget
*_host                      the shells: what daemons do around the real cores
pipeline, recovery          the DataNode's streams and block recoveries
client, writer, reader      the block store's client, as a simulated program
workload, jobusers          what users do; plans, tasks: what their jobs' tasks do
bridge, bridgedstorage      the JobTracker's own blocking committer in simulated time
nemesis                     the faults
ledger                      what users may rely on
invariants, jobchecker      what must be true after every step
storescenario, clusterscenario, runs    one seed, one run
"""
