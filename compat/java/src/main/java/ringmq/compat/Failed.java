package ringmq.compat;

import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** A behaviour that is not as it should be, and the few ways to find out. */
final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Failed(String message) {
        super(message);
    }

    static void unless(boolean holds, String otherwise) {
        if (!holds) {
            throw new Failed(otherwise);
        }
    }

    static void unlessEqual(String what, Object want, Object got) {
        if (!Objects.equals(want, got)) {
            throw new Failed(what + " is " + got + ", want " + want);
        }
    }

    /** Waits for a condition; {@code what} says in the report what did not come true. */
    static void unlessSoon(String what, long seconds, Callable<Boolean> condition) throws Exception {
        unlessSoon(() -> what, seconds, condition);
    }

    /** As above, with a report that is made when it is needed. */
    static void unlessSoon(Callable<String> what, long seconds, Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!condition.call()) {
            if (System.nanoTime() > end) {
                throw new Failed("not within " + seconds + " s: " + what.call());
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }
}
