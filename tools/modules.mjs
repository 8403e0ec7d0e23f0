/**
 * The packages in `node_modules`: whether they are those of the lock file, and installing them when they are not.
 * Runs on plain Node before anything is installed, so it imports nothing but Node. Bun comes as a package whose
 * executable is put in place by an install script; npm may be told not to run such scripts, so it is run here if it
 * has not been. Comparing costs two small reads: no process is started when all is well.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder. */
export const root = fileURLToPath(new URL("..", import.meta.url));

/** The executable of Bun that the lock file names. */
export const bun = join(root, "node_modules", "bun", "bin", "bun.exe");

/** Before its install script ran, the package holds a text of some hundred bytes in place of the executable. */
const executableBytesMin = 1_000_000;

/** Why the packages have to be installed, in words, or undefined when they fit the lock file. */
export function staleness() {
  const installedPath = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedPath)) return "there is no node_modules yet";
  let installed;
  try {
    installed = JSON.parse(readFileSync(installedPath, "utf8")).packages ?? {};
  } catch {
    return "the last installation was cut short";
  }
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = installed[path];
    if (found ? found.version !== entry.version || found.integrity !== entry.integrity : !entry.optional)
      return `${path.replace("node_modules/", "")} is not the version in package-lock.json`;
    if (found && !existsSync(join(root, path, "package.json")))
      return `${path.replace("node_modules/", "")} is not in node_modules`;
  }
  return undefined;
}

/** Whether Bun's executable is in place. */
export function bunIsThere() {
  return existsSync(bun) && statSync(bun).size > executableBytesMin;
}

/**
 * Makes `node_modules` fit the lock file. Resolves to whether anything was done. Throws an Error with what npm said when
 * that is not possible; `say` is told what takes time.
 */
export async function installModules(say) {
  const why = staleness();
  if (why !== undefined) {
    say(`Installing packages, because ${why}`);
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    const run = (...words) =>
      output(npm, [...words, "--no-audit", "--no-fund", "--loglevel=error"], { shell: process.platform === "win32" });
    // Some versions of npm refuse a lock file for what other platforms need; the plain installation takes it as it is.
    let result = await run("ci");
    if (result.code !== 0) result = await run("install", "--no-save");
    if (result.code !== 0) throw new Error(`Cannot install the packages: npm failed\n${result.text.trim()}`);
  }
  if (bunIsThere()) return why !== undefined;
  const result = await output(process.execPath, ["install.js"], { cwd: join(root, "node_modules", "bun") });
  if (!bunIsThere())
    throw new Error(
      `Cannot install Bun for ${process.platform} ${process.arch}: its own script failed\n${result.text}`,
    );
  return true;
}

function endGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // It may have ended in this moment.
    if (error.code !== "ESRCH") throw error;
  }
}

/**
 * Runs a program to its end: exit code, and standard output and error as one text. No standard input. With `limitMs` it is
 * killed after that time, with all that it started.
 */
export function output(program, words, { limitMs, ...options } = {}) {
  return new Promise((resolve) => {
    const chunks = [];
    const child = spawn(program, words, {
      cwd: root,
      ...options,
      detached: limitMs !== undefined,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let isLate = false;
    const limit = setTimeout(
      () => {
        isLate = true;
        // The group of which it is the first.
        endGroup(child.pid);
      },
      limitMs ?? 2 ** 31 - 1,
    );
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    child.stderr.on("data", (chunk) => chunks.push(chunk));
    child.on("error", (error) => {
      clearTimeout(limit);
      resolve({ code: 127, text: error.message });
    });
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      const end = isLate ? `\ngiven up after ${limitMs / 1000} s\n` : signal === null ? "" : `\nended by ${signal}\n`;
      resolve({ code: code ?? 128, text: `${Buffer.concat(chunks)}${end}` });
    });
  });
}
