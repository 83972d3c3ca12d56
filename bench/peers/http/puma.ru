# Says hello, for puma.

run(lambda { |_env| [200, { "Content-Type" => "text/plain" }, ["Hello from puma"]] })
