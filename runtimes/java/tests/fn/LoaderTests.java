package fn;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Targets, entries and the cache. */
final class LoaderTests {
    private static Path root;

    private LoaderTests() {}

    private static String source(String head, String name) {
        return "import io.nuclio.*; " + head + " class " + name + " implements EventHandler {"
                + " public Response handleEvent(Context c, Event e) {"
                + " return new Response().setBody(getClass().getName()); } }";
    }

    private static Path write(String path, String text) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private static String load(Path target, String entry, Path cache) throws Throwable {
        Map<String, String> environment = new HashMap<>();
        environment.put("FN_TARGET", target.toString());
        environment.put("FN_CACHE", cache.toString());
        if (entry != null) {
            environment.put("FN_ENTRY", entry);
        }
        byte[] body = Loader.load(new Settings(environment)).handleEvent(null, null).getBody();
        return new String(body, StandardCharsets.UTF_8);
    }

    private static String load(Path target, String entry) throws Throwable {
        return load(target, entry, root.resolve("cache"));
    }

    static void run(Path directory) throws IOException {
        root = directory;
        Path one = write("one/One.java", source("public", "One"));
        Tests.test("loader: a .java file", () -> {
            Tests.equal(load(one, null), "One");
            Tests.equal(load(one, "One"), "One");
            Tests.equal(load(one, "file:One"), "One");
        });
        Tests.test("loader: the public class of several", () -> {
            Path file = write("two/Two.java", source("public", "Two") + source("", "Other")
                    .replace("import io.nuclio.*; ", ""));
            Tests.equal(load(file, null), "Two");
            Tests.equal(load(file, "Other"), "Other");
        });
        Tests.test("loader: two classes, none public", () -> {
            Path file = write("no/No.java", source("", "A") + source("", "B")
                    .replace("import io.nuclio.*; ", ""));
            String why = Tests.failure(() -> load(file, null));
            Tests.isTrue(why.startsWith("more than one class in"), why);
        });
        Tests.test("loader: a directory, with packages, a library and a resource", () -> {
            jar(compiled("lib/src/p/Lib.java", "package p; public class Lib { "
                    + "public static String text() { return \"lib\"; } }"), "dir/lib/lib.jar");
            write("dir/a/b/Helper.java", "package a.b; public class Helper { }");
            write("dir/text", "resource");
            Path file = write("dir/Main.java", source("public", "Main").replace(
                    "getClass().getName()", "p.Lib.text() + new a.b.Helper().getClass().getName()"
                    + " + (getClass().getResource(\"/text\") != null)"));
            Tests.equal(load(file.getParent(), null), "liba.b.Helpertrue");
        });
        Tests.test("loader: a jar, classes, a class", () -> {
            Path classes = compiled("made/src/q/Made.java",
                    "package q; " + source("public", "Made"));
            Tests.equal(load(classes, null), "q.Made");
            Tests.equal(load(jar(classes, "made/made.jar"), null), "q.Made");
            Tests.equal(load(root.resolve("made/made.jar"), "q.Made"), "q.Made");
            Path plain = compiled("plain/src/Plain.java", source("public", "Plain"));
            Tests.equal(load(plain.resolve("Plain.class"), null), "Plain");
        });
        Tests.test("loader: what is wrong", () -> {
            Tests.equal(Tests.failure(() -> load(root.resolve("none"), null)),
                    "\"" + root.resolve("none") + "\" is not there");
            Tests.equal(Tests.failure(() -> load(one, "None")), "None");
            Tests.equal(Tests.failure(() -> load(one, "java.lang.String")),
                    "class \"java.lang.String\" does not implement io.nuclio.EventHandler");
            Path bad = write("bad/Bad.java", "class Bad { int = expected; }");
            String why = Tests.failure(() -> load(bad, null));
            Tests.isTrue(why.contains("does not compile"), why);
            Path fails = write("fails/Fails.java", source("public", "Fails").replace(
                    "EventHandler {", "EventHandler { public Fails() throws Exception { "
                    + "throw new Exception(\"mine\"); }"));
            Tests.equal(Tests.failure(() -> load(fails, null)), "mine");
        });
        cache(one);
    }

    private static void cache(Path one) {
        Tests.test("cache: the same is compiled once, another anew", () -> {
            Path cache = root.resolve("once");
            load(one, null, cache);
            Tests.equal(PosixFilePermissions.toString(Files.getPosixFilePermissions(cache)),
                    "rwx------");
            List<Path> first = entries(cache);
            load(one, null, cache);
            Tests.equal(entries(cache), first);
            write("one/One.java", source("public", "One") + " // changed");
            load(one, null, cache);
            Tests.equal(entries(cache).size(), first.size() + 1);
        });
        Tests.test("cache: processes that start together", () -> {
            Path cache = root.resolve("together");
            Path file = write("together.src/T.java", source("public", "T"));
            List<Process> all = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                ProcessBuilder builder = java(
                        "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"),
                        "fn.LoaderTests", file.toString(), cache.toString());
                all.add(builder.start());
            }
            for (Process process : all) {
                Tests.equal(process.waitFor(), 0);
            }
            Tests.equal(entries(cache).size(), 1);
        });
        Tests.test("cache: a link, or one that others can write, is refused", () -> {
            Path open = Files.createDirectory(root.resolve("open"));
            Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
            refused(one, open, "can be written by others");
            Path link = Files.createSymbolicLink(root.resolve("link"), root.resolve("once"));
            refused(one, link, "is no directory");
            refused(one, one, "is no directory");
        });
        Tests.test("cache: without a compiler", () -> {
            Process process = java(
                    "--limit-modules", "java.base,java.compiler,jdk.unsupported,jdk.zipfs",
                    "-jar", root.resolve("fn_java.jar").toString(), "--listen",
                    "unix:" + root.resolve("jre")).start();
            String error = new String(process.getErrorStream().readAllBytes());
            Tests.isTrue(error.contains("install a JDK (Debian: default-jdk-headless)"), error);
            Tests.equal(process.waitFor(), 1);
        });
    }

    /** One of the processes that start together. */
    public static void main(String[] arguments) throws Throwable {
        load(Path.of(arguments[0]), null, Path.of(arguments[1]));
    }

    private static ProcessBuilder java(String... arguments) {
        List<String> command = new ArrayList<>(List.of("java"));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("FN_TARGET", root.resolve("one/One.java").toString());
        builder.environment().put("FN_CACHE", root.resolve("jre.cache").toString());
        return builder;
    }

    private static void refused(Path target, Path cache, String why) {
        Tests.equal(Tests.failure(() -> load(target, null, cache)),
                "the cache \"" + cache + "\" " + why + ": remove it, or set FN_CACHE");
    }

    private static List<Path> entries(Path cache) throws IOException {
        try (Stream<Path> all = Files.list(cache)) {
            return all.filter(Files::isDirectory).sorted().collect(Collectors.toList());
        }
    }

    private static Path compiled(String path, String text) throws Exception {
        Path file = write(path, text);
        Path classes = root.resolve(path + ".classes");
        command("javac", "-cp", System.getProperty("java.class.path"), "-d", classes.toString(),
                file.toString());
        return classes;
    }

    private static Path jar(Path classes, String path) throws Exception {
        Path jar = root.resolve(path);
        Files.createDirectories(jar.getParent());
        command("jar", "--create", "--file", jar.toString(), "-C", classes.toString(), ".");
        return jar;
    }

    private static void command(String name, String... arguments) {
        int status = java.util.spi.ToolProvider.findFirst(name).orElseThrow()
                .run(System.out, System.err, arguments);
        Tests.equal(status, 0);
    }
}
