"""Ours against the peers: whole processes, in one run, as ratios. `python -m benchmarks --help`.

Where the limit is Python itself, or the library under it (profiles on 2 cores, processor time)

- A call of the NameNode: an empty `grpc.aio` call is 0.5 ms of the server and 0.35 of the client,
  a `stat` 0.05 more, a change 0.3 more (an fsync, the journal, the core: a third each). What the
  NameNode itself does for a mkdir is 0.05 ms, as batches show: 15,000 a second. HDFS's 4,000 to
  9,000 single calls a second would take another RPC layer (raw asyncio does 30,000 echoes).
  A stream of requests per client instead of calls would halve gRPC's part (measured: 0.25 ms).
- `create` + `close` of an empty file is two calls, and each is its own fsync: with one client a
  quarter of the echo is what two calls and two syncs leave.
- 1 KB files: a replica is two files, two fsyncs, two renames. Together with others 0.3 ms in the
  kernel and 0.3 in Python; alone 20 times that, most of it waiting for commits of the file system.
- Put and get through the wire: gRPC takes 0.5 s to send and 0.9 s to receive a GiB, the checksum
  0.12 for each who verifies, the page cache 0.3 to 0.4. Copies in Python are below 0.2. A sender
  that waits for the end of a block (fsync, rename) before it begins the next loses some 5 %.
- Get, co-located: 0.1 s to read a GiB, 0.12 to verify, 0.1 to hand it over; `cat` only reads.
- `mapred fs ls`: Python 15 ms, click 35, gRPC with asyncio and protobuf 75, ours 70.
- A restart reads 120,000 inodes with their blocks a second; half is making the objects. A columnar
  image would save the other half.
"""
