import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.serializer.SerializerFeature;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;

/** Prints what fastjson makes of the inputs in its first argument, a line each, for golden_test.go. */
public class Golden {
    public static class Key implements Comparable<Key> {
        private String name;
        private int id;
        public String getName() { return name; }
        public void setName(String name) { this.name = name; }
        public int getId() { return id; }
        public void setId(int id) { this.id = id; }
        @Override public int hashCode() { return Objects.hash(name, id); }
        @Override public boolean equals(Object o) { return compareTo((Key) o) == 0; }
        @Override public int compareTo(Key o) { return JSON.toJSONString(this).compareTo(JSON.toJSONString(o)); }
    }

    public static class Bean {
        public String s;
        public Bean n;
        public List<String> l = new ArrayList<>();
        public List<Bean> bl;
        public int[] ia;
        public double d;
        public int i = 7;
        public long j;
        public boolean b;
        public TreeMap<Integer, Long> im = new TreeMap<>();
        public TreeMap<String, Bean> sm = new TreeMap<>();
        public TreeMap<Key, Long> km = new TreeMap<>();
        public TreeMap<Integer, TreeMap<Integer, Bean>> mm = new TreeMap<>();
    }

    static final SerializerFeature[] STANDARD = {SerializerFeature.BrowserCompatible, SerializerFeature.QuoteFieldNames,
        SerializerFeature.SkipTransientField, SerializerFeature.MapSortField, SerializerFeature.DisableCircularReferenceDetect};

    public static void main(String[] args) throws Exception {
        for (String line : Files.readAllLines(Paths.get(args[0]), StandardCharsets.UTF_8)) {
            int tab = line.indexOf('\t');
            String kind = line.substring(0, tab), in = line.substring(tab + 1);
            String out;
            try {
                out = render(kind, in);
            } catch (Throwable e) {
                out = "refused";
            }
            System.out.write((line + "\t" + out + "\n").getBytes(StandardCharsets.UTF_8));
        }
        System.out.flush();
    }

    static String render(String kind, String in) {
        switch (kind) {
            case "text":
                String text = new String(HexFormat.of().parseHex(in), StandardCharsets.UTF_8);
                return JSON.toJSONString(text) + "\t" + JSON.toJSONString(text, STANDARD);
            case "double":
                return JSON.toJSONString(Double.parseDouble(in));
            default:
                Bean b = JSON.parseObject(in.replace("␤", "\n").replace("␉", "\t"), Bean.class);
                SerializerFeature none = SerializerFeature.DisableCircularReferenceDetect;
                return JSON.toJSONString(b, none) + "\t" + JSON.toJSONString(b, STANDARD) + "\t"
                    + JSON.toJSONString(b, SerializerFeature.PrettyFormat, none).replace("\n", "␤").replace("\t", "␉");
        }
    }
}
