import org.apache.hadoop.conf.Configuration;

/** Hadoop's LocalJobRunner as fast as it goes on two processors. */
class Settings {
    static Configuration local(String folder) {
        Configuration conf = new Configuration();
        conf.set("fs.defaultFS", "file:///");
        conf.set("mapreduce.framework.name", "local");
        conf.setInt("mapreduce.local.map.tasks.maximum", 2);
        conf.setInt("mapreduce.local.reduce.tasks.maximum", 2);
        conf.setInt("mapreduce.task.io.sort.mb", 256);
        conf.set("hadoop.tmp.dir", folder);
        conf.set("mapreduce.cluster.local.dir", folder + "/local");
        return conf;
    }
}
