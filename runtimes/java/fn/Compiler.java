package fn;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles sources into the cache, once for the same content. */
final class Compiler {
    private final List<Path> sources;
    private final Path directory;
    private final List<Path> jars;

    /** The sources below a directory, and the jars that they need. */
    Compiler(List<Path> sources, Path directory, List<Path> jars) {
        this.sources = sources;
        this.directory = directory;
        this.jars = jars;
    }

    /**
     * The directory of the classes.
     *
     * @param cache where to keep it; null is the default
     */
    Path classes(String cache) throws IOException {
        Path root = open(cache);
        Path classes = root.resolve("java-" + hash());
        if (Files.isDirectory(classes)) {
            return classes;
        }
        Path lock = root.resolve(classes.getFileName() + ".lock");
        // one process compiles, the others wait
        try (FileChannel channel =
                FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            channel.lock();
            if (!Files.isDirectory(classes)) {
                Path made = root.resolve(classes.getFileName() + ".tmp");
                delete(made); // of one that was killed
                Files.createDirectory(made);
                compile(made);
                Files.move(made, classes, StandardCopyOption.ATOMIC_MOVE);
            }
        }
        return classes;
    }

    /** The cache, which nobody else may write: its classes are run. */
    private static Path open(String cache) throws IOException {
        Object uid = Files.getAttribute(Path.of("/proc/self/"), "unix:uid");
        Path root = Path.of(cache == null ? "/var/tmp/nginx-fn-" + uid : cache);
        Set<PosixFilePermission> mode = PosixFilePermissions.fromString("rwx------");
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            try {
                Files.createDirectory(root, PosixFilePermissions.asFileAttribute(mode));
            } catch (FileAlreadyExistsException e) {
                // another process was faster
            } catch (IOException e) {
                throw new IOException(
                        "the cache \"" + root + "\" can't be made: set FN_CACHE", e);
            }
        }
        String why = null;
        if (!Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            why = "is no directory";
        } else if (!uid.equals(
                Files.getAttribute(root, "unix:uid", LinkOption.NOFOLLOW_LINKS))) {
            why = "does not belong to user " + uid;
        } else {
            Set<PosixFilePermission> found = Files.getPosixFilePermissions(root);
            if (found.contains(PosixFilePermission.GROUP_WRITE)
                    || found.contains(PosixFilePermission.OTHERS_WRITE)) {
                why = "can be written by others";
            }
        }
        if (why != null) {
            throw new IOException(
                    "the cache \"" + root + "\" " + why + ": remove it, or set FN_CACHE");
        }
        return root;
    }

    /** Of everything that the classes depend on. */
    private String hash() throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        add(digest, Runtime.version().toString().getBytes(StandardCharsets.UTF_8));
        add(digest, ownVersion());
        List<Path> files = new ArrayList<>(sources);
        files.addAll(jars);
        for (Path file : files) {
            add(digest, directory.relativize(file).toString().getBytes(StandardCharsets.UTF_8));
            add(digest, Files.readAllBytes(file));
        }
        StringBuilder text = new StringBuilder();
        for (byte b : digest.digest()) {
            text.append(String.format("%02x", b));
        }
        return text.substring(0, 32);
    }

    /** The time and size of the runtime's jar: sources are compiled against its interfaces. */
    private static byte[] ownVersion() throws IOException {
        Path jar = Path.of(System.getProperty("java.class.path"));
        String text = Files.size(jar) + " " + Files.getLastModifiedTime(jar);
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void add(MessageDigest digest, byte[] bytes) {
        digest.update((bytes.length + ":").getBytes(StandardCharsets.UTF_8));
        digest.update(bytes);
    }

    private void compile(Path classes) throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        if (compiler == null) {
            throw new IOException(
                    "there is no Java compiler: install a JDK (Debian: "
                            + "default-jdk-headless), or name a jar or compiled classes");
        }
        String path =
                Stream.concat(Stream.of(System.getProperty("java.class.path")), jars.stream())
                        .map(Object::toString)
                        .collect(Collectors.joining(":"));
        List<String> options =
                List.of("-d", classes.toString(), "-encoding", "UTF-8", "-classpath", path, "-g");
        try (StandardJavaFileManager files =
                compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            if (!compiler.getTask(
                            null, files, null, options, null, files.getJavaFileObjectsFromPaths(sources))
                    .call()) {
                throw new IOException(
                        "what \"" + directory + "\" holds does not compile: see standard error");
            }
        }
    }

    private static void delete(Path directory) throws IOException {
        if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> all = Files.walk(directory)) {
                for (Path file :
                        all.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) {
                    Files.delete(file);
                }
            }
        }
    }
}
