"""Pairs written as a task writes them."""

from mapred.formats import check_output, output_format


class Written:
    """A part file in memory."""

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)

    @property
    def data(self):
        return b"".join(self.parts)


def written(word, *chunks):
    """(bytes of the file, its suffix)"""
    form = output_format(check_output(word))
    file = Written()
    writer = form.writer(file)
    for chunk in chunks:
        writer.write(chunk)
    writer.close()
    assert writer.bytes_written == len(file.data)
    return file.data, form.suffix
