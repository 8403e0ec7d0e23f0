/**
 * The part of `warren doctor` that looks at the machine: versions, limits, the certificate, and who has the ports. What
 * Linux tells in /proc is read; elsewhere those looks say that they cannot.
 */
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { release, type as systemName } from "node:os";
import { join } from "node:path";

import type { Clock } from "../clock.ts";
import { type Address, formatAddress } from "../config/address.ts";
import { reasonOf } from "../fault.ts";
import { type CertificateFiles, expiryWarning, readCertificate } from "../tls.ts";
import type { DoctorFinding } from "./doctor-finding.ts";

/** What runs here. */
export function examineVersions(version: string): DoctorFinding[] {
  const sentence = `Warren ${version}, Bun ${Bun.version}, ${systemName()} ${release()} on ${process.arch}`;
  if (process.platform === "linux") return [{ name: "versions", state: "ok", sentence }];
  return [{ name: "versions", state: "warn", sentence, advice: "Warren is tested on Linux" }];
}

/** The process that runs a node on a data folder, as far as its lock file tells. */
export function runningNode(folder: string, proc: string): number | undefined {
  const path = join(folder, "lock.pid");
  if (!existsSync(path)) return undefined;
  const pid = Number(readFileSync(path, "utf8"));
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return undefined;
  // A pid may have been given to another program since: the holder has the lock file open.
  return openFiles(proc, pid)?.some((target) => target === join(folder, "lock.sqlite")) ? pid : undefined;
}

/** What the open descriptors of a process lead to; undefined when that is not ours to see. */
function openFiles(proc: string, pid: number): string[] | undefined {
  const folder = join(proc, String(pid), "fd");
  try {
    return readdirSync(folder).flatMap((name) => {
      try {
        return [readlinkSync(join(folder, name))];
      } catch {
        // Closed between the two calls.
        return [];
      }
    });
  } catch {
    return undefined;
  }
}

/** How many files may be open at once: in the running node if there is one, else in a process started like this one. */
export function examineLimits(folder: string, proc: string): DoctorFinding[] {
  const pid = runningNode(folder, proc);
  const limits = readFileSync(join(proc, String(pid ?? "self"), "limits"), "utf8");
  const found = /^Max open files\s+(\w+)\s+(\w+)/m.exec(limits);
  const number = (text: string | undefined) => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));
  const [soft, hard] = [number(found?.[1]), number(found?.[2])];
  const open = pid === undefined ? undefined : openFiles(proc, pid)?.length;
  return [judgeLimits({ soft, hard, open })];
}

/** What to say about a limit on open files, of which `open` are in use. */
export function judgeLimits(limits: { soft: number; hard: number; open: number | undefined }): DoctorFinding {
  const { soft, hard, open } = limits;
  const use = open === undefined ? "" : `, ${open} of them in use`;
  const sentence = `${soft === Number.POSITIVE_INFINITY ? "no limit" : `up to ${soft}`}${use}`;
  const advice = `raise it: LimitNOFILE=65536 in the unit, or ulimit -n ${Math.min(hard, 65_536)} before the start`;
  if (open !== undefined && open > soft * 0.9) return { name: "open files", state: "bad", sentence, advice };
  if (soft < 4096 || (open !== undefined && open > soft / 2))
    return { name: "open files", state: "warn", sentence, advice };
  return { name: "open files", state: "ok", sentence };
}

/** Whether the certificate can be used, and for how long. */
export function examineCertificate(files: CertificateFiles | undefined, clock: Clock): DoctorFinding[] {
  const name = "certificate";
  if (!files) return [];
  try {
    const certificate = readCertificate(files, clock);
    const warning = expiryWarning(certificate, clock.now());
    if (warning !== undefined)
      return [{ name, state: "warn", sentence: warning, advice: "a new file is taken up without a restart" }];
    const end = new Date(certificate.expiresAt).toISOString().slice(0, 10);
    return [{ name, state: "ok", sentence: `good for ${certificate.names} until ${end}` }];
  } catch (thrown) {
    return [
      { name, state: "bad", sentence: reasonOf(thrown), advice: "renew it, or name the files that belong together" },
    ];
  }
}

/** Whether each address can be listened on, or who has it. */
export function examinePorts(listen: readonly Address[], folder: string, proc: string): DoctorFinding[] {
  const node = runningNode(folder, proc);
  return listen.map((address) => {
    const name = `port ${address.port}`;
    const refusal = address.port === 0 ? undefined : bindRefusal(address);
    if (refusal === undefined) return { name, state: "ok", sentence: `${formatAddress(address)} is free` };
    if (refusal !== "EADDRINUSE")
      return {
        name,
        state: "bad",
        sentence: `cannot listen on ${formatAddress(address)}: ${refusal}`,
        advice: adviceFor(refusal),
      };
    const holders = holdersOf(address.port, proc);
    if (node !== undefined && holders.some(({ pid }) => pid === node)) {
      return {
        name,
        state: "ok",
        sentence: `${formatAddress(address)} belongs to the node that runs (process ${node})`,
      };
    }
    const who =
      holders.map(({ pid, program }) => `${program} (process ${pid})`).join(", ") ||
      "a program that cannot be seen from here";
    return {
      name,
      state: "bad",
      sentence: `${formatAddress(address)} is taken by ${who}`,
      advice: "stop that program, or let Warren listen elsewhere: --listen 127.0.0.1:4100",
    };
  });
}

/** Why nothing can listen there, as the system's code; undefined when it can. */
function bindRefusal(address: Address): string | undefined {
  try {
    void Bun.serve({ hostname: address.host, port: address.port, fetch: () => new Response() }).stop(true);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error && "code" in thrown ? String(thrown.code) : reasonOf(thrown);
  }
}

function adviceFor(refusal: string): string {
  if (refusal === "EACCES")
    return "ports below 1024 need a permission: setcap cap_net_bind_service=+ep, or the unit of warren systemd";
  if (refusal === "EADDRNOTAVAIL") return "this machine has no such address: see ip address";
  return "look at the address";
}

/** The processes that have a TCP port open to listen. Those of other users are seen by root only. */
export function holdersOf(port: number, proc: string): { pid: number; program: string }[] {
  const inodes = new Set<string>();
  for (const table of ["net/tcp", "net/tcp6"]) {
    const path = join(proc, table);
    if (!existsSync(path)) continue;
    for (const line of readFileSync(path, "utf8").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      const listens = state === "0A" && Number.parseInt(local.split(":")[1] ?? "", 16) === port;
      if (listens && inode !== undefined) inodes.add(`socket:[${inode}]`);
    }
  }
  if (inodes.size === 0) return [];
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => openFiles(proc, pid)?.some((target) => inodes.has(target)))
    .map((pid) => {
      const path = join(proc, String(pid), "comm");
      return {
        pid,
        program: statSync(path, { throwIfNoEntry: false }) ? readFileSync(path, "utf8").trim() : "a program",
      };
    });
}
