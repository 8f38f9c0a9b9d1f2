"""The depot: a cache in front of the Debian mirror, for machines that have no way out."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from frontdoor import engine, host, image, network, paths
from frontdoor.errors import Refused

NAME = "depot"
IMAGE = "localhost/posthouse/depot"
PORT = 3142

_CONFIG = """\
# Made by the front door: packages for the lab's machines (nginx, ngx_http_proxy_module).
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /var/cache/depot/error.log warn;
events { worker_connections 512; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 60;
  proxy_temp_path /var/cache/depot/temporary;
  proxy_cache_path /var/cache/depot/packages levels=1:2 use_temp_path=off keys_zone=packages:10m max_size=8g inactive=365d;
  proxy_cache packages;
  proxy_cache_key $uri;
  proxy_cache_lock on;
  proxy_cache_lock_timeout 120s;
  proxy_cache_revalidate on;
  proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
  proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
  proxy_http_version 1.1;
  proxy_ssl_server_name on;
  proxy_ssl_verify on;
  proxy_ssl_verify_depth 4;
  proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
  server {
LISTEN
    # A package never changes under its name; the lists beside it do.
    location /debian/pool/ { proxy_pass DEBIAN/pool/; proxy_cache_valid 200 365d; }
    location /debian/ { proxy_pass DEBIAN/; proxy_cache_valid 200 10m; }
    location /debian-security/pool/ { proxy_pass SECURITY/pool/; proxy_cache_valid 200 365d; }
    location /debian-security/ { proxy_pass SECURITY/; proxy_cache_valid 200 10m; }
    location = /ready { return 204; }
  }
}
"""


def config(mirror: host.Mirror) -> str:
    """The text of nginx's configuration."""
    addresses = "\n".join(f"    listen {network.gateway(name)}:{PORT};" for name in network.NETWORKS)
    return _CONFIG.replace("LISTEN", addresses).replace("DEBIAN", mirror.debian).replace("SECURITY", mirror.security)


def is_built(mirror: host.Mirror) -> bool:
    """Whether the depot's image stands on today's base image."""
    return engine.image_label(IMAGE, "posthouse.recipe") == image.recipe(mirror)


def build(mirror: host.Mirror) -> None:
    """Put nginx on top of the base image, with the control node's network and mirror."""
    engine.podman("rm", "--force", "--ignore", "--time", "0", "depot-build")
    sources = f"deb {mirror.debian} {image.SUITE} main\\ndeb {mirror.security} {image.SUITE}-security main\\n"
    script = (
        f"printf '{sources}' > /etc/apt/sources.list && apt-get -qq update && "
        "apt-get -qq -y install --no-install-recommends nginx >/dev/null && apt-get clean && rm -rf /var/lib/apt/lists/*"
    )
    certificates = "--volume=/etc/ssl/certs:/etc/ssl/certs:ro"
    base = ["run", "--name", "depot-build", "--network=host", "--systemd=false", f"--cgroup-parent={engine.CGROUP_PARENT}"]
    engine.podman(*base, certificates, "--env=DEBIAN_FRONTEND=noninteractive", image.BASE, "sh", "-c", script)
    label = f"LABEL posthouse.recipe={image.recipe(mirror)}"
    with image.without_trace():
        engine.podman("commit", "--quiet", "--change", label, "depot-build", IMAGE)
    engine.remove(["depot-build"])


def ensure(report: Callable[[str], None], override: str = "") -> None:
    """Have the depot running with today's configuration; it needs the networks' bridges, so machines start first."""
    mirror = host.mirror(override)
    text = config(mirror)
    mark = hashlib.sha256((text + image.recipe(mirror)).encode()).hexdigest()[:16]
    known = [one for one in engine.containers() if one["Names"][0] == NAME]
    if known and known[0]["State"] == "running" and (known[0].get("Labels") or {}).get("posthouse.depot") == mark and _answers():
        return
    if not is_built(mirror):
        report("building the depot")
        build(mirror)
    paths.DEPOT.mkdir(parents=True, exist_ok=True)
    file = paths.DEPOT / "nginx.conf"
    file.write_text(text)
    engine.remove([NAME])
    words = ["run", "--detach", "--name", NAME, "--network=host", "--systemd=false", f"--cgroup-parent={engine.CGROUP_PARENT}"]
    words += ["--label", f"posthouse.depot={mark}", f"--volume={paths.DEPOT}:/var/cache/depot", f"--volume={file}:/etc/nginx/nginx.conf:ro"]
    words += ["--volume=/etc/ssl/certs:/etc/ssl/certs:ro", IMAGE, "nginx", "-g", "daemon off;"]
    engine.podman(*words)
    for _ in range(50):
        if _answers():
            return
        time.sleep(0.1)
    said = engine.podman("logs", NAME, check=False)
    raise Refused(f"The depot does not answer on port {PORT}: {(said.stderr or said.stdout).strip()[-300:]}", 1)


def _answers() -> bool:
    address = f"http://{network.gateway('campus')}:{PORT}/ready"
    assert urlsplit(address).scheme == "http"
    try:
        # No proxy of the environment stands between this host and its own bridge.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=2) as answer:
            return int(answer.status) == 204
    except OSError:
        return False
