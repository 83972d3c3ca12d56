package fn;

import io.nuclio.EventHandler;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds the handler that FN_TARGET and FN_ENTRY name. */
final class Loader {
    private final Path target;
    private final List<Path> classPath = new ArrayList<>(); // its first is the function's own

    private Loader(Path target) {
        this.target = target;
    }

    /**
     * Makes the handler of a .java file, a directory of them, a jar, or compiled classes. Whatever
     * the user's code throws comes out.
     */
    static EventHandler load(Settings settings) throws Throwable {
        if (settings.target == null) {
            throw new IllegalArgumentException("FN_TARGET is not set");
        }
        Loader loader = new Loader(Path.of(settings.target).toAbsolutePath());
        loader.findClasses(settings.cache);
        return loader.make(settings.entry);
    }

    private void findClasses(String cache) throws IOException {
        if (!Files.exists(target)) {
            throw new IllegalArgumentException("\"" + target + "\" is not there");
        }
        boolean isDirectory = Files.isDirectory(target);
        Path directory = isDirectory ? target : target.getParent();
        List<Path> jars = files(directory.resolve("lib"), ".jar");
        List<Path> sources = isDirectory ? files(target, ".java") : List.of(target);
        if (isDirectory && !sources.isEmpty() || target.toString().endsWith(".java")) {
            classPath.add(new Compiler(sources, directory, jars).classes(cache));
            classPath.add(directory); // for getResource()
        } else {
            classPath.add(target.toString().endsWith(".class") ? directory : target);
        }
        classPath.addAll(jars);
    }

    /** The files below a directory that end so, in order. */
    private static List<Path> files(Path directory, String end) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> all = Files.walk(directory)) {
            return all.filter(file -> file.toString().endsWith(end))
                    .filter(Files::isRegularFile)
                    .sorted()
                    .collect(Collectors.toList());
        }
    }

    private EventHandler make(String entry) throws Throwable {
        URL[] urls = new URL[classPath.size()];
        for (int i = 0; i < urls.length; i++) {
            urls[i] = classPath.get(i).toUri().toURL();
        }
        ClassLoader loader = new URLClassLoader(urls, Loader.class.getClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        Class<?> type =
                entry == null
                        ? findHandler(loader)
                        : loader.loadClass(entry.substring(entry.lastIndexOf(':') + 1));
        if (!EventHandler.class.isAssignableFrom(type)) {
            throw new IllegalArgumentException(
                    "class \"" + type.getName() + "\" does not implement io.nuclio.EventHandler");
        }
        Constructor<?> constructor = type.getDeclaredConstructor();
        constructor.setAccessible(true);
        try {
            return (EventHandler) constructor.newInstance();
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** The only public class that is a handler, or, without a public one, the only class. */
    private Class<?> findHandler(ClassLoader loader) throws IOException {
        List<Class<?>> handlers = new ArrayList<>();
        for (String name : classNames()) {
            try {
                Class<?> type = loader.loadClass(name);
                if (EventHandler.class.isAssignableFrom(type)
                        && !Modifier.isAbstract(type.getModifiers())) {
                    handlers.add(type);
                }
            } catch (ClassNotFoundException | LinkageError e) {
                // what it needs is not there: no handler
            }
        }
        if (handlers.stream().anyMatch(type -> Modifier.isPublic(type.getModifiers()))) {
            handlers.removeIf(type -> !Modifier.isPublic(type.getModifiers()));
        }
        if (handlers.size() != 1) {
            throw new IllegalArgumentException(
                    (handlers.isEmpty() ? "no class" : "more than one class")
                            + " in \"" + target + "\" implements io.nuclio.EventHandler: "
                            + "name the class behind the target");
        }
        return handlers.get(0);
    }

    private List<String> classNames() throws IOException {
        if (target.toString().endsWith(".class")) {
            String file = target.getFileName().toString();
            return List.of(file.substring(0, file.length() - ".class".length()));
        }
        Path root = classPath.get(0);
        if (Files.isDirectory(root)) {
            return classNames(root);
        }
        try (FileSystem jar = FileSystems.newFileSystem(root)) {
            return classNames(jar.getPath("/"));
        }
    }

    private static List<String> classNames(Path root) throws IOException {
        List<String> names = new ArrayList<>();
        for (Path file : files(root, ".class")) {
            String name = root.relativize(file).toString();
            if (!name.contains("$") && !name.contains("-")) {
                name = name.substring(0, name.length() - ".class".length());
                names.add(name.replace(File.separatorChar, '.'));
            }
        }
        return names;
    }
}
