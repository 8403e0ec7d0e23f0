/** For tests of what happens with a peer that does not answer at all, and of what is left behind by it. */
import { readdirSync, readlinkSync } from "node:fs";

/** An address that takes no connection and refuses none; undefined where there is no Python to make it. */
export async function silentPeer() {
  const python = Bun.which("python3");
  if (python === null) {
    console.log("skipped: there is no python3");
    return undefined;
  }
  // A queue of one that nobody empties: further dials get no answer.
  const program =
    "import socket,sys\ns=socket.socket()\ns.bind(('127.0.0.1',0))\ns.listen(0)\nk=[]\nfor i in range(3):\n c=socket.socket();c.setblocking(False)\n c.connect_ex(s.getsockname());k.append(c)\nprint(s.getsockname()[1],flush=True)\nsys.stdin.read()";
  const child = Bun.spawn([python, "-c", program], { stdin: "pipe", stdout: "pipe" });
  const port = Number(new TextDecoder().decode((await child.stdout.getReader().read()).value));
  const end = async () => {
    child.kill();
    await child.exited;
  };
  return { port, end, [Symbol.asyncDispose]: end };
}

/** Sockets of this program. */
export function openSockets(): number {
  return readdirSync("/proc/self/fd").filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:");
    } catch {
      return false;
    }
  }).length;
}
