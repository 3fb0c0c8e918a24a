"""Clusters of points: k-means, a loop of MapReduce rounds.

mapred submit mapred/examples/kmeans.py points.csv -D clusters=3
mapred submit mapred/examples/kmeans.py points.npy -D clusters=3 -D init=start.csv -o centres

Prints a line per centre. The input is a table: one point a line, numbers separated by commas,
or a .npy file. The rounds are in mapred/ml/lloyd.py; in Python they are `mapred.ml.KMeans`.
"""

from mapred.ml.lloyd import Lloyd


class KMeans(Lloyd):
    """Centres that make the squared distances of points to their nearest centre small."""
