"""Says hello; served by uwsgi and by gunicorn."""

BODY = b"Hello from wsgi"
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [BODY]
