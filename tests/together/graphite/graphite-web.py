"""A real graphite-web over whisper files made from a JSON file, for tests to compare with.

Called with a folder that holds `series.json`: {"now": seconds, "series": [{"path", "start", "step", "retention", "values"}],
"events": [{"when", "tags"}]}. Prints the port it listens on, and ends when its standard input does.
"""
import json
import os
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

folder = sys.argv[1]
with open(os.path.join(folder, "series.json")) as file:
    spec = json.load(file)

whisper_folder = os.path.join(folder, "whisper")
log_folder = os.path.join(folder, "log")
os.makedirs(whisper_folder)
os.makedirs(log_folder)
with open(os.path.join(folder, "oracle_settings.py"), "w") as file:
    file.write(
        "\n".join(
            [
                "SECRET_KEY = 'for tests on one machine'",
                "TIME_ZONE = 'UTC'",
                "STORAGE_DIR = %r" % folder,
                "WHISPER_DIR = %r" % whisper_folder,
                "STANDARD_DIRS = [%r]" % whisper_folder,
                "LOG_DIR = %r" % log_folder,
                "INDEX_FILE = %r" % os.path.join(folder, "index"),
                "CONF_DIR = %r" % folder,
                "STATIC_ROOT = %r" % folder,
                "CARBONLINK_HOSTS = []",
                "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': %r}}"
                % os.path.join(folder, "graphite.db"),
                "LOG_RENDERING_PERFORMANCE = False",
                "LOG_CACHE_PERFORMANCE = False",
                "LOG_INFO_PERFORMANCE = False",
                "TAGDB_CACHE_DURATION = 0",
            ]
        )
        + "\n"
    )
sys.path.insert(0, folder)
os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"
os.environ["GRAPHITE_SETTINGS_MODULE"] = "oracle_settings"

import django  # noqa: E402

django.setup()

import whisper  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from graphite.events.models import Event  # noqa: E402
from graphite.functions import SeriesFunctions  # noqa: E402
from graphite.storage import STORE  # noqa: E402
from graphite.tags.utils import TaggedSeries  # noqa: E402
from graphite.util import epoch_to_dt  # noqa: E402

call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)
for series in spec["series"]:
    path = series["path"]
    if ";" in path:
        relative = TaggedSeries.encode(path, sep=os.sep, hash_only=True)
        STORE.tagdb.tag_series(path)
    else:
        relative = path.replace(".", os.sep)
    file_path = os.path.join(whisper_folder, relative + ".wsp")
    os.makedirs(os.path.dirname(file_path), exist_ok=True)
    whisper.create(file_path, [(series["step"], series["retention"])], xFilesFactor=0)
    points = [
        (series["start"] + index * series["step"], value)
        for index, value in enumerate(series["values"])
        if value is not None
    ]
    if points:
        whisper.update_many(file_path, points, now=spec["now"])
for event in spec["events"]:
    Event.objects.create(what="test", when=epoch_to_dt(event["when"]), tags=" ".join(event["tags"]))

# The program's own /functions/ fails on the Python of its Debian, so the table is written down here.
with open(os.path.join(folder, "functions.json"), "w") as file:
    table = {
        name: {"group": function.group, "params": [param.toJSON() for param in function.params]}
        for name, function in SeriesFunctions().items()
    }
    file.write(json.dumps(table).replace("Infinity", "1e9999"))


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


server = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=Server, handler_class=Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
