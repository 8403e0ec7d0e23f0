/** HAProxy and nginx (Debian's packages) on Unix sockets in a folder of their own, so that they need no port. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  timeout connect 5s
  timeout client 10s
  timeout server 10s
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
  for (let turn = 0; !existsSync(at(ready)); turn++) {
    if (state.ended || turn > 1000) {
      const said = await Bun.file(at("stderr")).text();
      throw new Error(`${fileName} could not be started: ${said}`);
    }
    await Bun.sleep(10);
  }
  return {
    at,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
