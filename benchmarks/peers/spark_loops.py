"""PySpark's own learners, two local threads, on cached input; prints the seconds of a round.

python spark_loops.py kmeans|logistic|pagerank INPUT.parquet ROUNDS FOLDER

INPUT has columns c0, c1, …; for kmeans the first ten rows are the start, for logistic the last
column has the classes, for pagerank the two columns are the edges.
"""

import json
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

what, path, rounds, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "6g")
    .config("spark.local.dir", folder)
    .config("spark.sql.shuffle.partitions", "4")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
table = spark.read.parquet(path).repartition(4)


def kmeans() -> float:
    from pyspark.mllib.clustering import KMeans, KMeansModel
    from pyspark.mllib.linalg import Vectors

    start = [list(row) for row in spark.read.parquet(path).limit(10).collect()]
    rows = table.rdd.map(lambda row: Vectors.dense(list(row))).cache()
    rows.count()
    model = KMeansModel(start)

    def fit(count: int) -> float:
        began = time.perf_counter()
        KMeans.train(rows, 10, maxIterations=count, epsilon=0.0, initialModel=model)
        return time.perf_counter() - began

    fit(1)
    return fit(rounds) / rounds


def logistic() -> float:
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import VectorAssembler

    *names, target = table.columns
    rows = VectorAssembler(inputCols=names, outputCol="features").transform(table)
    rows = rows.select("features", f.col(target).alias("label")).cache()
    rows.count()
    LogisticRegression(maxIter=1).fit(rows)
    began = time.perf_counter()
    model = LogisticRegression(maxIter=rounds, tol=0.0, regParam=1e-6).fit(rows)
    return (time.perf_counter() - began) / max(1, model.summary.totalIterations)


def pagerank() -> float:
    edges = table.withColumnRenamed("c0", "a").withColumnRenamed("c1", "b")
    leaving = edges.groupBy("a").count().withColumnRenamed("count", "n")
    edges = edges.join(leaving, "a").cache()
    vertices = edges.select(f.col("a").alias("v")).union(edges.select("b")).distinct().cache()
    count = vertices.count()
    ranks = vertices.withColumn("r", f.lit(1.0 / count))
    began = 0.0
    for number in range(rounds + 1):
        if number == 1:
            began = time.perf_counter()
        gets = edges.join(ranks, edges.a == ranks.v).groupBy("b")
        gets = gets.agg(f.sum(f.col("r") / f.col("n")).alias("s"))
        joined = vertices.join(gets, vertices.v == gets.b, "left")
        share = f.coalesce(f.col("s"), f.lit(0.0)) * 0.85 + 0.15 / count
        ranks = joined.select("v", share.alias("r")).localCheckpoint()
    return (time.perf_counter() - began) / rounds


found = {"kmeans": kmeans, "logistic": logistic, "pagerank": pagerank}[what]()
print(json.dumps({"round_s": found}))
spark.stop()
