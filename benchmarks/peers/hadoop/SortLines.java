import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.NullWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.mapreduce.Mapper;
import org.apache.hadoop.mapreduce.Partitioner;
import org.apache.hadoop.mapreduce.Reducer;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.output.FileOutputFormat;

/** SortLines INPUT OUTPUT FOLDER: lines in order over two parts. Told how keys are spread. */
public class SortLines {
    /** Keys begin with a printable character, each as often: from ' ' + 1 to '~'. */
    public static class Halves extends Partitioner<Text, NullWritable> {
        @Override
        public int getPartition(Text line, NullWritable nothing, int parts) {
            return (line.getBytes()[0] - 33) * parts / 94;
        }
    }

    public static class Lines extends Mapper<LongWritable, Text, Text, NullWritable> {
        @Override
        protected void map(LongWritable offset, Text line, Context context)
                throws IOException, InterruptedException {
            context.write(line, NullWritable.get());
        }
    }

    public static void main(String[] words) throws Exception {
        Configuration conf = Settings.local(words[2]);
        Job job = Job.getInstance(conf, "sort");
        job.setJarByClass(SortLines.class);
        job.setMapperClass(Lines.class);
        job.setReducerClass(Reducer.class);
        job.setPartitionerClass(Halves.class);
        job.setNumReduceTasks(2);
        job.setOutputKeyClass(Text.class);
        job.setOutputValueClass(NullWritable.class);
        FileInputFormat.addInputPath(job, new Path(words[0]));
        FileOutputFormat.setOutputPath(job, new Path(words[1]));
        System.exit(job.waitForCompletion(false) ? 0 : 1);
    }
}
