import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.filter.FilterFactory;
import org.apache.rocketmq.filter.expression.EvaluationContext;
import org.apache.rocketmq.filter.expression.Expression;

/**
 * Says what RocketMQ's own filter makes of expressions. Reads lines from standard input:
 *
 * <pre>
 * P name TAB value TAB name TAB value …   one more message's properties
 * E expression                            answered with one line: x, it does not compile; or
 *                                         per message t, f, n (null) or e (it throws)
 * </pre>
 *
 * A byte below 0x20, and %, are written %XX.
 */
public final class Oracle {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 16);
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), 1 << 16);
        List<Map<String, String>> messages = new ArrayList<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String rest = line.substring(2);
            if (line.charAt(0) == 'P') {
                messages.add(properties(rest));
                continue;
            }
            out.write(results(plain(rest), messages));
            out.write('\n');
        }
        out.flush();
    }

    private static String results(String sql, List<Map<String, String>> messages) {
        Expression e;
        try {
            e = FilterFactory.INSTANCE.get("SQL92").compile(sql);
        } catch (Throwable t) {
            return "x";
        }
        StringBuilder s = new StringBuilder(messages.size());
        for (Map<String, String> m : messages) {
            s.append(result(e, m));
        }
        return s.toString();
    }

    private static char result(Expression e, Map<String, String> message) {
        try {
            Object r = e.evaluate(new EvaluationContext() {
                @Override public Object get(String name) {
                    return message.get(name);
                }

                @Override public Map<String, Object> keyValues() {
                    return new HashMap<>(message);
                }
            });
            return r == null ? 'n' : (Boolean) r ? 't' : 'f';
        } catch (Throwable t) {
            return 'e';
        }
    }

    private static Map<String, String> properties(String text) {
        Map<String, String> m = new HashMap<>();
        String[] words = text.isEmpty() ? new String[0] : text.split("\t", -1);
        for (int i = 0; i + 1 < words.length; i += 2) {
            m.put(plain(words[i]), plain(words[i + 1]));
        }
        return m;
    }

    private static String plain(String s) {
        StringBuilder b = new StringBuilder(s.length());
        for (int i = 0; i < s.length(); i++) {
            if (s.charAt(i) == '%') {
                b.append((char) Integer.parseInt(s.substring(i + 1, i + 3), 16));
                i += 2;
            } else {
                b.append(s.charAt(i));
            }
        }
        return b.toString();
    }
}
