/**
 * nginx as the peer of reading: one worker, sendfile, no access log, serving a folder of files. Runs as whoever runs the
 * bench, from a folder of its own, on a free port. It ends with the bench, also when that is killed: the kernel asks the
 * master to end, and the master its workers, who would go on without it.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { isSystemError } from "../src/kit/disk/atomic.ts";
import { freePort } from "../src/kit/testing/free-port.ts";
import { onCore, pause } from "./measure.ts";

/** A running nginx. */
export interface Nginx extends AsyncDisposable {
  readonly url: string;
  /** Of the worker. */
  readonly pid: number;
}

/** Where Debian keeps the module that resizes images. */
export const imageFilterModule = "/usr/lib/nginx/modules/ngx_http_image_filter_module.so";

/** What an nginx has beyond serving files. */
export interface NginxExtras {
  modules: readonly string[];
  workers: number;
  locations: readonly string[];
  /** Of one worker. @default 1024 */
  connections?: number;
}

const nothing: NginxExtras = { modules: [], workers: 1, locations: [] };

/**
 * Starts nginx over `files`. With `cacheOpenFiles` it keeps descriptors open and looks at files once a minute only. With one
 * worker it stays on core 0.
 */
export async function startNginx(
  folder: string,
  files: string,
  cacheOpenFiles: boolean,
  extras = nothing,
): Promise<Nginx> {
  mkdirSync(folder, { recursive: true });
  // nginx cannot take any free port by itself.
  const port = freePort();
  const configuration = join(folder, "nginx.conf");
  await Bun.write(configuration, configurationText(folder, files, port, cacheOpenFiles, extras));
  const command = [
    ...(Bun.which("setpriv") ? ["setpriv", "--pdeathsig", "TERM"] : []),
    ...(extras.workers === 1 ? onCore(0) : []),
    "nginx",
    "-p",
    folder,
    "-e",
    join(folder, "error.log"),
    "-c",
    configuration,
  ];
  // In a group of its own, with its workers.
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe", detached: true });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) {
      throw new Error(`Cannot start nginx: ${await new Response(child.stderr).text()}`);
    }
    const answered = await fetch(`${url}/`).then(
      () => true,
      () => false,
    );
    if (answered) break;
    if (tries > 200) {
      killGroup(child.pid);
      throw new Error("Cannot start nginx: it does not answer");
    }
    await pause(25);
  }
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
  return {
    url,
    pid: Number(children[0]),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
      killGroup(child.pid);
    },
  };
}

/** Ends what is left of a group: workers whose master was killed. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (thrown) {
    if (!isSystemError(thrown, "ESRCH")) throw thrown;
  }
}

function configurationText(
  folder: string,
  files: string,
  port: number,
  cacheOpenFiles: boolean,
  { connections = 1024, modules, workers, locations }: NginxExtras,
): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${folder}/${name};`,
  );
  return [
    ...modules.map((path) => `load_module ${path};`),
    `daemon off; worker_processes ${workers}; pid ${folder}/nginx.pid;${process.getuid?.() === 0 ? " user root;" : ""}`,
    `worker_rlimit_nofile ${connections * 2 + 100};`,
    `events { worker_connections ${connections}; }`,
    "http {",
    ...temporary,
    "  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;",
    `  open_file_cache ${cacheOpenFiles ? "max=1000 inactive=60s" : "off"};`,
    "  default_type application/octet-stream;",
    `  server { listen 127.0.0.1:${port} backlog=1024; root ${files}; dav_methods PUT; client_max_body_size 0;`,
    ...locations.map((location) => `    ${location}`),
    "  }",
    "}",
    "",
  ].join("\n");
}
