/** HAProxy and nginx (Debian's packages) on Unix sockets in a folder of their own, so that they need no port. */
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "../../../src/kit/testing/child-node.ts";

const find = (name: string) => Bun.which(name, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });

/** Where they lie, or null. */
export const haproxyPath = find("haproxy");
/** Where it lies, or null. */
export const nginxPath = find("nginx");

/** A peer that runs until it is let go. */
export interface RunningPeer extends AsyncDisposable {
  /** The path of one of its sockets, or of any file in its folder. */
  at(name: string): string;
}

/** HAProxy with what `sections` makes of its folder; ready when its socket `ready` is there. */
export function startHaproxy(ready: string, sections: (at: (name: string) => string) => string): Promise<RunningPeer> {
  const head = (at: (name: string) => string) => `global
  nbthread 1
defaults
  mode tcp
  timeout connect 60s
  timeout client 60s
  timeout server 60s
${sections(at)}`;
  return start(ready, "haproxy.cfg", head, (file) => [haproxyPath ?? "haproxy", "-db", "-f", file]);
}

/** nginx with what `sections` makes of its folder inside `http { }`; ready when its socket `ready` is there. */
export function startNginx(ready: string, sections: (at: (name: string) => string) => string): Promise<RunningPeer> {
  // One process alone: ended with a signal that cannot be passed on, a master would leave its worker behind.
  const whole = (
    at: (name: string) => string,
  ) => `daemon off; master_process off; pid ${at("pid")}; error_log ${at("errors")};
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path ${at("b")}; proxy_temp_path ${at("p")}; fastcgi_temp_path ${at("f")};
  uwsgi_temp_path ${at("u")}; scgi_temp_path ${at("s")};
${sections(at)}
}`;
  return start(ready, "nginx.conf", whole, (file) => [nginxPath ?? "nginx", "-e", "stderr", "-c", file]);
}

async function start(
  ready: string,
  fileName: string,
  text: (at: (name: string) => string) => string,
  command: (file: string) => string[],
): Promise<RunningPeer> {
  const folder = mkdtempSync(join(tmpdir(), "warren-peer-"));
  const at = (name: string) => join(folder, name);
  const file = at(fileName);
  writeFileSync(file, text(at));
  const child = Bun.spawn(command(file), { stdout: "ignore", stderr: Bun.file(at("stderr")) });
  const state = { ended: false };
  void child.exited.then(() => (state.ended = true));
  await until(`${ready} of ${fileName} is there`, async () => {
    if (state.ended) throw new Error(`${fileName} could not be started: ${await Bun.file(at("stderr")).text()}`);
    if (!existsSync(at(ready))) return false;
    // A socket is there a little before connections to it are taken.
    const sockets = readdirSync(folder).filter((name) => lstatSync(at(name), { throwIfNoEntry: false })?.isSocket());
    return (await Promise.all(sockets.map((name) => takesConnections(at(name))))).every(Boolean);
  });
  return {
    at,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function takesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
