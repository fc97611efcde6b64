// Java: compiled and interpreted methods, lambdas, strings, collections.
//   java Busy.java SECONDS
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Busy {
  static int fibonacci(int n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
  }

  static int words(int seed) {
    Map<String, Integer> counts = new HashMap<>();
    List<String> list = new ArrayList<>();
    for (int index = 0; index < 300; index++) list.add(Integer.toString((seed * index * 7919) % 10007, 36));
    Collections.sort(list, (one, other) -> other.compareTo(one));
    for (String word : list) counts.merge(word.substring(0, 1), word.length(), Integer::sum);
    return counts.size();
  }

  public static void main(String[] arguments) {
    long end = System.nanoTime() + Long.parseLong(arguments.length > 0 ? arguments[0] : "1") * 1000000000L;
    int sum = 0;
    for (int seed = 1; System.nanoTime() < end; seed++) sum += words(seed) + fibonacci(18);
    if (sum == 0) System.exit(1);
  }
}
