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
- Put and get through the wire: gRPC takes 0.3 to 0.5 s to send and 0.5 to 0.9 to receive a GiB
  (its Python binding copies what comes at least twice, with the interpreter's lock held), the
  checksum 0.05 for each who verifies, the page cache 0.4. Tried, and lost in the noise: HTTP/2
  frames of 1 to 16 MiB, more bytes read ahead per stream, gRPC's throughput mode, larger reads from
  the socket, a thread of its own for storing. Packets of 64 and 256 KiB take more of the processor.
  A put into memory that had both cores for itself took half of the sum of all processor time (1.1 s
  a GiB of 2.1); beside other work it takes nearly the whole sum. Starting writeback every 8 MiB
  took it from 3.0 s to 2.3. Between two blocks a sender waits 30 to 50 ms (drain, fsync, rename,
  the next pipeline); to save that, the NameNode would have to give the next block before the last
  one is finished. A newer grpcio has an experiment that copies once: to be measured when it is out.
- Put, replication 3: every byte is received, verified and written three times and sent three
  times, all on the same two cores: 8 to 9 s of processor time a GiB in the run of results/store.md.
  To keep up with three `cp` takes another transport for the bytes (a plain socket moves 2.4 to
  3.1 GB/s), or the three machines that it is made for.
- Get, co-located: 0.15 s of the processor a GiB, 0.05 of them the checksum; before, bytes were
  allocated anew and copied three times: 0.20. `cat` does not verify. What is left is to verify on
  the other core; not tried.
- Pread through the wire: a unary call between two threaded processes that answers 64 KiB and does
  nothing else takes 0.45 ms, 0.65 beside other work; the DataNode's own part is 0.03. The same
  answers on a stream that stays open take 0.33 and 0.44. That is what would reach the floor; it
  holds a thread of the DataNode for every reader that may come back, so it needs a limit and an
  end of its own.
- `mapred fs ls`: Python 15 ms, click 35, gRPC with asyncio and protobuf 75, ours some 50; the
  largest piece of it is the making of the dataclasses in `blockstore/model.py`. 0.15 s for all
  leaves 25 ms for ours.
- A restart reads 120,000 inodes with their blocks a second; half is making the objects. A columnar
  image would save the other half.
"""
