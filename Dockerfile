# The image of every part of a cluster: docker build --network host -t mapred:latest .
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1

# An ordinary user; the directories are made here so that fresh volumes belong to it.
RUN useradd --uid 10001 --create-home mapred \
 && mkdir -p /data /run/mapred \
 && chown mapred:mapred /data /run/mapred

# Dependencies change less often than the code: they get a layer of their own.
COPY pyproject.toml /src/
RUN python -c "import tomllib; print(*tomllib.load(open('/src/pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /src/requirements.txt \
 && pip install --no-cache-dir -r /src/requirements.txt

COPY README.md LICENSE /src/
COPY blockstore /src/blockstore
COPY mapred /src/mapred
COPY cli /src/cli
RUN pip install --no-cache-dir --no-deps /src && rm -rf /src

COPY --chown=mapred:mapred mapred/examples /home/mapred/examples

USER mapred
WORKDIR /home/mapred
ENTRYPOINT ["mapred"]
CMD ["--help"]
