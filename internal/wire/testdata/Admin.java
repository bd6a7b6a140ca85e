import java.io.*;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/** Runs the admin tool for each line of standard input; a line of its own says when it is done. */
public class Admin {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            try {
                MQAdminStartup.main0(line.split(" "), null);
            } catch (Throwable e) {
                System.out.println(e);
            }
            System.out.println("\ndone"); // some commands leave their last line open
        }
        System.exit(0);
    }
}
