"""What an identity mapper costs without an engine: the same loop in plain Python, one process.

python identity_script.py INPUT OUTPUT
"""

import sys


def identity(offset, line):
    yield offset, line


def main():
    offset = 0
    with open(sys.argv[1], "rb") as text, open(sys.argv[2], "w") as output:
        write = output.write
        for line in text:
            for key, value in identity(offset, line.decode().removesuffix("\n").removesuffix("\r")):
                write(f"{key}\t{value}\n")
            offset += len(line)


if __name__ == "__main__":
    main()
