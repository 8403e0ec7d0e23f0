/**
 * The programs beside Node that the tests talk to, and their Debian packages. What is missing is installed through apt
 * when that is possible (Debian, as root); otherwise the caller is told what is missing, and the tests that need it are
 * skipped with the reason said.
 */
import { accessSync, constants, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";

import { output, root } from "./modules.mjs";

/** What the tests use. */
const needs = [
  { program: "chromium", package: "chromium", use: "the pages in a real browser" },
  { program: "curl", package: "curl", use: "uploads and downloads as people do them" },
  { program: "nginx", package: "nginx-light", use: "the peer that file serving is measured beside" },
  {
    program: "nginx's image filter",
    file: "/usr/lib/nginx/modules/ngx_http_image_filter_module.so",
    package: "libnginx-mod-http-image-filter",
    use: "the peer that images are measured beside",
  },
  {
    program: "graphite-web",
    file: "/usr/lib/python3/dist-packages/graphite/render/functions.py",
    package: "graphite-web",
    use: "the peer that functions over metrics are compared with",
  },
  {
    program: "prometheus",
    package: "prometheus",
    use: "the peer that writes measurements to series and takes them from it",
  },
  {
    program: "victoria-metrics",
    package: "victoria-metrics",
    use: "the peer that series hands measurements on to, and that they are read from",
  },
  {
    program: "carbon-cache",
    file: "/usr/bin/carbon-cache",
    package: "graphite-carbon",
    use: "the peer that series hands measurements on to and is measured beside",
  },
  {
    program: "haproxy",
    package: "haproxy",
    use: "the peer that PROXY headers are exchanged with, and that cbp is measured beside",
  },
  { program: "openssl", package: "openssl", use: "certificates and TLS connections" },
  {
    program: "whisper",
    file: "/usr/lib/python3/dist-packages/whisper.py",
    package: "python3-whisper",
    use: "metric files as carbon writes them",
  },
  {
    program: "aiosmtpd",
    file: "/usr/lib/python3/dist-packages/aiosmtpd/smtp.py",
    package: "python3-aiosmtpd",
    use: "the mail server that writes down what is sent",
  },
  {
    program: "libzmq for Python",
    file: "/usr/lib/python3/dist-packages/zmq/__init__.py",
    package: "python3-zmq",
    use: "the peer that ZeroMQ's wire protocol is spoken with",
  },
  { program: "ngircd", package: "ngircd", use: "the IRC server that the bridge is proved against" },
  { program: "nats-server", package: "nats-server", use: "what carries messages between nodes of windsock" },
  { program: "redis-server", package: "redis-server", use: "what carries messages between nodes of windsock" },
  { program: "php", package: "php-cli", use: "the sample in PHP that signs the address of an image" },
  { program: "wrk", package: "wrk", use: "the load of the benches, which run with a tiny input" },
  { program: "git", package: "git", use: "the check that a fresh clone starts" },
];

/** Debian keeps servers where an ordinary user's path does not lead. */
const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];

function isThere(program) {
  return folders.some((folder) => {
    const path = join(folder, program);
    if (!existsSync(path)) return false;
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function unmet() {
  return needs.filter(({ program, file }) => (file === undefined ? !isThere(program) : !existsSync(file)));
}

/** Installs what is missing if it can. Resolves to the needs that stay unmet; `say` is told what takes time. */
export async function provision(say) {
  const missing = unmet();
  if (missing.length === 0) return [];
  if (process.getuid?.() !== 0 || !isThere("apt-get")) return missing;
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const packages = missing.map((need) => need.package);
  say(`Installing ${packages.join(", ")}`);
  const install = (names) =>
    output("apt-get", ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", ...names], {
      env: environment,
    });
  // The list of packages is only fetched when the one at hand does not do.
  let result = await install(packages);
  if (result.code !== 0) {
    await output("apt-get", ["update"], { env: environment });
    result = await install(packages);
  }
  // A package that this Debian does not have must not keep the others away.
  if (result.code !== 0) for (const name of packages) await install([name]);
  if (result.code !== 0) say(`apt-get failed:\n${result.text.trim().split("\n").slice(-10).join("\n")}`);
  return unmet();
}

/** Where servers that Debian does not have are put: away with `node_modules`. */
export const peersFolder = join(root, "node_modules", ".cache", "peers", "bin");

/**
 * Brings a real S3-compatible server for the tests of the S3 store: versitygw, built by Go (seconds when its modules are
 * cached, some minutes at first), or moto by pip. Resolves to why there is none, or undefined when there is one.
 */
export async function provisionS3(say) {
  const found = ["versitygw", "moto_server"].some((name) => isThere(name) || existsSync(join(peersFolder, name)));
  if (found || process.env.WARREN_TEST_S3 !== undefined) return undefined;
  if (isThere("go") || existsSync("/usr/local/go/bin/go")) {
    say("Building an S3 server (versitygw)");
    const go = isThere("go") ? "go" : "/usr/local/go/bin/go";
    const result = await output(go, ["install", "github.com/versity/versitygw/cmd/versitygw@v1.8.0"], {
      env: { ...process.env, GOBIN: peersFolder },
      timeout: 480_000,
    });
    if (result.code === 0) return undefined;
  }
  if (isThere("python3")) {
    say("Installing an S3 server (moto)");
    const venv = join(peersFolder, "..", "moto");
    const made = await output("python3", ["-m", "venv", venv], { timeout: 60_000 });
    const installed =
      made.code === 0 &&
      (await output(join(venv, "bin", "pip"), ["install", "--quiet", "moto[server,s3]==5.2.5"], { timeout: 300_000 }));
    if (installed && installed.code === 0) {
      mkdirSync(peersFolder, { recursive: true });
      symlinkSync(join(venv, "bin", "moto_server"), join(peersFolder, "moto_server"));
      return undefined;
    }
  }
  return "neither Go nor Python could bring one";
}
