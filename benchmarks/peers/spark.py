"""PySpark, two local threads; prints the seconds of the job in a session that has run one before.

python spark.py wordcount|sort INPUT OUTPUT FOLDER
"""

import json
import operator
import sys
import time

from pyspark.sql import SparkSession

what, text, output, folder = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.memory", "4g")
    .config("spark.local.dir", folder)
    .config("spark.sql.shuffle.partitions", "8")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
spark.sparkContext.parallelize(range(8), 2).map(lambda one: (one % 2, one)).reduceByKey(
    operator.add
).collect()
spark.range(1000).repartition(4).sort("id").count()

started = time.perf_counter()
if what == "wordcount":
    (
        spark.sparkContext.textFile(text)
        .flatMap(str.split)
        .map(lambda word: (word, 1))
        .reduceByKey(operator.add)
        .map(lambda pair: f"{pair[0]}\t{pair[1]}")
        .saveAsTextFile(output)
    )
else:
    spark.read.text(text).sort("value").write.text(output)
print(json.dumps({"steady_s": time.perf_counter() - started}))
spark.stop()
