"""What a good Python programmer writes by hand: word count with multiprocessing and Counter.

python wordcount_script.py INPUT OUTPUT PROCESSES
"""

import os
import sys
from collections import Counter
from multiprocessing import Pool

PIECE_BYTES = 16 * 1024 * 1024


def count(piece):
    path, start, end = piece
    with open(path, "rb") as file:
        if start:
            file.seek(start - 1)
            file.readline()
        counts = Counter()
        while file.tell() < end:
            block = file.read(min(1 << 20, end - file.tell()))
            if not block.endswith(b"\n"):  # else the next line is the next piece's
                block += file.readline()
            counts.update(block.decode().split())
    return counts


def main():
    path, output, processes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    size = os.path.getsize(path)
    pieces = [(path, at, min(at + PIECE_BYTES, size)) for at in range(0, size, PIECE_BYTES)]
    total = Counter()
    with Pool(processes) as pool:
        for counts in pool.imap_unordered(count, pieces):
            total.update(counts)
    with open(output, "w") as file:
        file.writelines(f"{word}\t{total[word]}\n" for word in sorted(total))


if __name__ == "__main__":
    main()
