package ringmq.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The list of behaviours, run side by side with a bound on each. */
final class Suite {
    /** What one behaviour does: it returns, or throws what it found. */
    interface Body {
        void run(Stage stage) throws Exception;
    }

    private record Behaviour(String name, String needs, Body body) {
    }

    /** Longer than any wait inside a behaviour: only a hang in the client gets here. */
    private static final long LIMIT_SECONDS = 240;

    private final Cluster cluster;
    private final Set<String> lacks;
    private final String part;
    private final List<Behaviour> behaviours = new ArrayList<>();

    Suite(Cluster cluster, Set<String> lacks, String part) {
        this.cluster = cluster;
        this.lacks = lacks;
        this.part = part;
    }

    void add(String name, Body body) {
        add(name, "", body);
    }

    /** Adds a behaviour that is skipped by a broker that does not serve {@code needs}: a request code, or {@link Cluster#TIMERS}. */
    void add(String name, String needs, Body body) {
        if (name.contains(part) && apart(name) == apart(part)) {
            behaviours.add(new Behaviour(name, needs, body));
        }
    }

    /**
     * Whether behaviours of a name change or need settings of the broker that others could not live with: they are asked for by the
     * beginning of their names.
     */
    private static boolean apart(String name) {
        return name.startsWith("broker:") || name.startsWith("slow:");
    }

    boolean run(int parallel) throws InterruptedException {
        ExecutorService threads = Executors.newCachedThreadPool(body -> {
            Thread thread = new Thread(body);
            thread.setDaemon(true);
            return thread;
        });
        Semaphore slots = new Semaphore(parallel);
        List<Future<Boolean>> results = new ArrayList<>();
        for (Behaviour behaviour : behaviours) {
            slots.acquire();
            results.add(threads.submit(() -> {
                try {
                    return check(behaviour, threads);
                } finally {
                    slots.release();
                }
            }));
        }
        boolean passed = true;
        for (Future<Boolean> result : results) {
            try {
                passed &= result.get();
            } catch (ExecutionException e) {
                passed = false;
                say("FAIL", "the suite itself", reason(e));
            }
        }
        return passed;
    }

    private boolean check(Behaviour behaviour, ExecutorService threads) throws InterruptedException {
        if (lacks.contains(behaviour.needs)) {
            say("SKIP", behaviour.name, "the broker does not serve " + (behaviour.needs.matches("\\d+") ? "request code " : "") + behaviour.needs);
            return true;
        }
        Future<?> outcome = threads.submit(() -> {
            try (Stage stage = new Stage(cluster)) {
                behaviour.body.run(stage);
            }
            return null;
        });
        try {
            outcome.get(LIMIT_SECONDS, TimeUnit.SECONDS);
            say("PASS", behaviour.name, "");
            return true;
        } catch (TimeoutException e) {
            outcome.cancel(true);
            say("FAIL", behaviour.name, "no end after " + LIMIT_SECONDS + " s");
        } catch (ExecutionException e) {
            say("FAIL", behaviour.name, reason(e));
        }
        return false;
    }

    /** The cause in one line, with the place in this suite that it came from. */
    private static String reason(ExecutionException wrapped) {
        Throwable cause = wrapped.getCause();
        String text = cause instanceof Failed ? cause.getMessage() : cause.toString();
        for (StackTraceElement frame : cause.getStackTrace()) {
            if (frame.getClassName().endsWith("Behaviours")) {
                text += " (" + frame.getFileName() + ":" + frame.getLineNumber() + ")";
                break;
            }
        }
        return text;
    }

    private static synchronized void say(String word, String name, String why) {
        String line = why.isEmpty() ? name : name + ": " + why.replaceAll("\\s+", " ");
        System.out.println(word + " " + line);
        System.out.flush();
    }
}
