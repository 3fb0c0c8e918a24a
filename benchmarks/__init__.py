"""Ours against the peers: whole processes, in one run, as ratios. `python -m benchmarks --help`.

Where the limit is Python itself, or the library under it (profiles on 2 cores, processor time)

- A call of the NameNode: an empty `grpc.aio` call is 0.4 to 0.5 ms of the server and 0.2 to 0.35 of
  the client. So a client that asks more than a little does it at the call port, without gRPC: 0.05
  of the server and 0.03 of the client for a stat, 0.25 and 0.08 for a change, of which the fsync is
  most. In streams of gRPC's it had been 0.3 and 0.4, and 0.5 and 0.35.
- `create` + `close` of an empty file is two requests, and each is its own fsync. `touch`, and
  empty files of `put_many`, are one; `open` can't be: who opens with "xb" must know that the name
  is his.
- Batches: 0.03 to 0.04 ms of the server for a change, 0.05 to 0.06 for a file that is created and
  closed, which is two entries of the journal. A profile is flat: the core a half, the coding of
  entries a quarter. Ten times the echo would be 0.03 with eight clients.
- 1 KB files: a replica is a record in a pack: no file, no rename, and a sync for all that come at
  once. On one machine, before and after in turn, five runs each: 200 at once 508 and 543 a second,
  and 1,150 and 1,265; one by one 184 and 194, and 230 and 249. On another day, without load, it was
  557 one by one and 2,629; in the quarter of an hour after hours of tests, with their files just
  deleted, 375 to 507, and 1,423 to 1,759. One by one, with 8 clients and 3 DataNodes on 2 cores,
  the processor is the limit: in memory a file had cost 2.2 to 3.4 ms with files of its own (clients
  0.6 to 1, NameNode 0.5 to 0.7, DataNodes 1.1 to 1.7), of which packs save little; on a disk the
  kernel added 0.7 to 2.5 for six files, where an ext4 without a journal walks around the inodes of
  those that were deleted in the last minutes, and adds 0.12 for records. What is left are four
  requests between processes: create, block, bundle (three nodes), complete; profiles of all three
  sides are flat. Tried by hand, and not built: the first block comes with Create, in the same sync.
  Two turns each, one after the other, beside other work: 382 and 363 a second without it, 495 and
  430 with it. What stands against it is who opens a file and writes nothing for long: the block's
  room is kept on three nodes meanwhile, and while one of these is down readers can't be told that
  the file is empty, because only nodes know whether a block has been begun; an open that ends empty
  takes 0.14 ms of the NameNode's core instead of 0.04, and its nodes get orders to delete. So the
  block would have to be an offer: its id journaled with the file, but the block not the file's
  before Complete names it, nor its replicas garbage while the file is open.
- Put and get over gRPC, where a byte port can't be reached: it takes 0.3 to 0.5 s to send and 0.5
  to 0.9 to receive a GiB (its Python binding copies what comes at least twice, with the
  interpreter's lock held), the checksum 0.05 for each who verifies, the page cache 0.4. Tried,
  and lost in the noise: HTTP/2 frames of 1 to 16 MiB, more bytes read ahead per stream, gRPC's
  throughput mode, larger reads from the socket, a thread of its own for storing. Packets of 64
  and 256 KiB take more of the processor. A put into memory that had both cores for itself took
  half of the sum of all processor time (1.1 s a GiB of 2.1); beside other work it takes nearly
  the whole sum. Starting writeback every 8 MiB took it from 3.0 s to 2.3. Between two blocks a
  sender waits 30 to 50 ms (drain, fsync, rename, the next pipeline); to save that, the NameNode
  would have to give the next block before the last one is finished. A newer grpcio has an
  experiment that copies once: to be measured when it is out.
- Put, replication 3: every byte is received, verified and written three times and sent three
  times, all on the same two cores. By the byte ports 6.5 s of processor time a GiB; over gRPC it
  had been 10.0 on the same day. By `perf`: into the page cache 32 % (`cp` does that, too), what TCP
  copies 11, idle 11, CRC 4, the interpreter 3, memory moved 3. The ends of blocks take 0.4 s of 3.3
  on the clock; to sync beside what comes hasn't been tried since.
- Get through the wire: by the byte port 0.23 s a GiB, 0.64 over gRPC in the run before (its bare
  stream 0.50 and 0.47). By hand a bare socket with checksums took 0.32: there all came in one
  answer, here the next window is on its way while one is taken. What is left: what TCP copies, and
  0.05 for the checksum. Over gRPC, where a port can't be reached: bytes that come are copied three
  times by its binding, then verified, then copied to their reader. A reader without a thread of
  its own that reads ahead: 0.342 for 512 MiB by hand, 0.312 instead of 0.327 on a calmer machine.
  With gRPC's `SingleThreadedUnaryStream` as well 0.310; but a stream that is cancelled in the
  middle leaves 20 KB behind for as long as its channel lasts, and who seeks cancels often.
- Get, co-located: 0.15 s of the processor a GiB, 0.05 of them the checksum; before, bytes were
  allocated anew and copied three times: 0.20. `cat` does not verify. What is left is to verify on
  the other core; not tried.
- Pread through the wire: by the byte port 0.29 ms, of which a bare socket with checksums takes
  0.11; over gRPC a unary call that answers 64 KiB and does nothing else takes 0.45 ms between two
  threaded processes, the same answer on a stream that stays open 0.33.
- An embedded job's own part, on the clock (by `strace`, without load): 0.06 s until the server of
  task processes is started, 0.33 that it imports (interpreter 0.03, numpy 0.1, Arrow 0.06, ours the
  rest), 0.02 for two processes and the job's code; behind the last reduce 0.03. What the client
  imports meanwhile takes as long. Processor time of an empty job: 0.67 s, and 0.73 before needless
  imports were left out; its interpreter that took itself apart was 0.07 on the clock as well. A job
  file that imports `mapred.text` had cost its client numpy and Arrow: 0.15. What is left:
  a fifth of the client's imports is the making of 96 dataclasses (0.5 ms each), a tenth of the
  server's. To start the server before click is imported would save 0.02; a server that stays from
  command to command would save nearly all, and be a daemon that nobody asked for.
- Word count by blocks: 2.2 to 2.4 s of processor time on two cores: the start and end as above, the
  eight maps 1.4, the reduces 0.25. On the clock, of 1.49 s: 0.43 before the first map, maps 0.89,
  reduces 0.14, the end 0.03. Beside it DuckDB took 1.18 s and Polars 1.34: with no start at all
  maps and reduces, 1.03, would just meet both floors.
  A map of 25 MB takes 0.17: 0.13 are the words, 40 ns each, and no call dominates: finding white
  space 5 ns, gathering the words 6, looking them up 8, those that didn't find their place at once
  4, adding 4, the rest copies and Python. All on its own, with one table that needn't grow, it is
  32. Tried, and lost in the noise: tables half as full, larger pieces, one pass for short and long
  words. Polars and DuckDB do it all in one compiled loop; so would a kernel of 100 lines of C.
  English on a slower machine: of 2.4 s for 200 MB and 7.6 for 1 GB, 1.1 are the same for both,
  start, end and the last maps and reduces, and a MB takes 6.5 ms; DuckDB has nothing and 9.7,
  Polars 0.1 and 12.5. So the shorter job is behind (1.1 of Polars, .8 of DuckDB) and the longer one
  ahead (1.66, 1.27).
- Sums of Parquet by a million strings: 7.7 to 8.3 s of processor time for 20 million rows; 9.2 to
  9.7 beside it before keys of one length were hashed and cut into words by columns (a key's hash
  24 ns instead of 81, its words 13 instead of 68), and the first batch told that keys hardly
  repeat. The profile before that: maps 64 % (decoding 15, hashes 15, deciding on a table 10, LZ4 8,
  the rest writes and moves rows), reduces 34, of which what fills their tables 27: for each row
  five places in 40 MB. What would move it further: buckets by hash, so that a table stays in a
  cache; no LZ4 where reduces open the file in place, which costs page cache. Hashes that travel
  with the rows would save 0.5 s and add 160 MB. Before a reduce's table got a third of the
  budget, it could not grow to 500,000 keys of three words (41.9 MB), and the reduce sorted
  everything: 15 to 16 s.
  By ints: 3.9 s (6.2), reduces a quarter of it, decoding another; the start of client and
  processes is 0.8 s of the 2.4 that it lasts.
- Sort of 1 GB, embedded: 7.0 s of processor time in 4.0 on the clock, whole command: both cores are
  busy nearly to the end. Maps 49 %, reduces 51: numpy's sort of numbers made of prefix and row 21,
  moving rows 23 (8 of them join batches for the merge), reading 11, writing map output 9, the
  result 11. A warm engine took 3.1 and 4.2 s. What would move it: a merge of sorted runs that
  doesn't sort again, for which numpy has no call.
- Sort of 1 GB on a local cluster: both cores are busy nearly to the end, as embedded, and the disk
  keeps up (with all of the cluster in memory it took 5.2 and 5.9 s, on the disk 5.5 and 6.6).
  What is more than embedded is the gigabyte that goes out through the DataNode: 2 to 2.8 s of its
  processor time (1.5 in memory): memory copied by gRPC and the kernel, the checksum, writeback as
  it comes; and what sending costs. Then some 0.2 s of the command, for gRPC and the store's client,
  while one core has little to do. Reading and shuffling cost what they do embedded, because blocks
  and outputs are opened in place: maps take as long. What would move it: a DataNode that gives a
  writer of its machine the block's file to write in, as readers have it, and checks, syncs and
  names it when it is whole. Sums and word counts write little, and
  take 0.1 to 0.3 s longer than embedded: of sums' 0.23 (six runs in turn, 2.07 s against 1.84) 0.4
  pass before the job is submitted and behind its end, 0.5 s of the command's processor time (0.75
  embedded, where it is JobTracker and TaskTracker, too), and NameNode, DataNode and TaskTracker
  take 0.2 together; maps and reduces take as long.
- Two workers against one, word count of English: 2.2 s of processor time in maps and 0.2 in reduces
  with either; start and end, 0.45 s, are the same for both. So it can't be more than 1.7 for a job
  that takes 2.8 s with one worker; of 2.52 s and 1.66 s they are 18 and 27 %, and without them the
  ratio is 1.71. Two processes of nothing but numpy are each 6 to 16 % slower beside each other than
  alone.
- Rounds of k-means: 31 ms with two workers, 45 with one; one thread of scikit-learn takes 36. They
  were 36 and 54 while a task reduced each round, and each split had a search of its own.
  The arithmetic alone, in one process, is 34 to 36 ms of the processor (42 before pieces had memory
  that stays, in huge pages), of which reading a million rows from memory is about 8, the sums 10,
  the scores 4. In tasks it is 48 beside other work, where 160 records' arithmetic alone is 38: the
  rest is calls for each record.
- Rounds that do nothing: the driver 3 to 4.5 ms of the processor, the one task 1.2 to 1.7 (4.6 to 5
  and 3.6 to 3.9 while the reduce was a task). Their time differs by the
  quarter of an hour: 9.0 and 9.3 ms, later 3.4 and 4.8; with it that of logistic regression over
  text, 24.5 ms and later 10.3. By which state of the machine isn't known; 2.2 to 3.9 where the
  directory for temporary files is in memory, so a part of it is directories: a round makes four,
  each further task two more, and two files a task. What would move it: a round that takes over
  those of the one before, as the attempts of a job do.
- Tasks that do nothing: 853 a second. An attempt made two directories and two files for its logs;
  on an ext4 without a journal, where a new inode is searched for among those that were freed in the
  last minutes, the tracker took 1.3 to 1.9 ms of the processor a task, and 330 to 580 went through
  (900 to 940 in memory). Directories that are used again made it 0.6. What is left: JobTracker 0.4
  to 0.5, messages between three processes most of all.
- `mapred fs ls`: Python 15 ms, click 35, gRPC with asyncio and protobuf 75, ours some 50; the
  largest piece of it is the making of the dataclasses in `blockstore/model.py`. 0.15 s for all
  leaves 25 ms for ours.
- A restart reads 120,000 inodes with their blocks a second; half is making the objects. A
  columnar image would save the other half.
"""
