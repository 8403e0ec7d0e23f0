/**
 * `npm start`: from a fresh clone to a running node on a machine that has Node 20 and npm only. Installs the packages
 * when they are missing or not those of the lock file, then runs `warren up` with the arguments it was given. Says
 * nothing itself when there is nothing to install. Signals are handed on, the exit code comes back, and the node never
 * outlives this process.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";

import { bun, installModules, root } from "./modules.mjs";

const major = Number(process.versions.node.split(".")[0]);
if (major < 20) {
  process.stderr.write(`Cannot run on Node ${process.versions.node}: wanted Node 20 or newer\n`);
  process.exit(1);
}
try {
  await installModules((sentence) => process.stderr.write(`${sentence} …\n`));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

// A group of its own: Ctrl-C reaches this process up to twice, from the terminal and from npm, and a node that is told
// twice does not finish what it has at hand. It is told here, once.
const child = spawn(bun, ["--no-orphans", join(root, "src", "main.ts"), "up", ...process.argv.slice(2)], {
  stdio: "inherit",
  detached: true,
});
const echoMs = 500;
let toldMs = -echoMs;
function tell(signal) {
  const nowMs = performance.now();
  if (nowMs - toldMs < echoMs) return;
  toldMs = nowMs;
  child.kill(signal);
}
process.on("SIGINT", () => tell("SIGINT"));
process.on("SIGTERM", () => tell("SIGTERM"));
process.on("SIGHUP", () => tell("SIGTERM"));
// npm hands signals to the shell between it and us, and that dies of them without a word.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    tell("SIGTERM");
  }, 500);
  watch.unref();
}
child.on("error", (error) => {
  process.stderr.write(`Cannot start Bun: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
