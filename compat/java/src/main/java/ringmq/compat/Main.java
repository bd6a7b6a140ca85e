package ringmq.compat;

import java.util.Set;
import java.util.TreeSet;

/**
 * Checks what a broker and its name server do for the stock Java client, one behaviour at a time.
 *
 * <p>The servers are given; this program starts none. It prints one line per behaviour (PASS, FAIL or
 * SKIP, the name, the reason) and ends with status 1 if one failed. The behaviours run side by side, for
 * most of their time is spent waiting; each has topics and groups of its own.
 *
 * <p>{@code Main NAMESRV RUN PARALLEL [NAME-PART]}: RUN becomes part of every topic and group name,
 * so that one broker can be asked twice.
 */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) throws Exception {
        if (args.length < 3) {
            System.err.println("usage: Main NAMESRV RUN PARALLEL [NAME-PART]");
            System.exit(2);
        }
        Cluster cluster = Cluster.find(args[0], args[1]);
        Set<String> lacks = new TreeSet<>(cluster.lacks());
        Suite suite = new Suite(cluster, lacks, args.length > 3 ? args[3] : "");

        SharingBehaviours.add(suite); // the longest first
        AgainBehaviours.add(suite);
        GroupBehaviours.add(suite);
        TransactionBehaviours.add(suite);
        RequestBehaviours.add(suite);
        WaitingBehaviours.add(suite);
        FilterBehaviours.add(suite);
        PushBehaviours.add(suite);
        OffsetBehaviours.add(suite);
        PullBehaviours.add(suite);
        SendBehaviours.add(suite);
        AdminBehaviours.add(suite);
        BrokerBehaviours.add(suite);

        boolean passed = suite.run(Integer.parseInt(args[2]));
        System.exit(passed ? 0 : 1); // the client leaves threads behind
    }
}
