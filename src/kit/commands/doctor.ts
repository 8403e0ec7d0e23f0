/**
 * `warren doctor`: looks at what the node stands on (disk, clock, ports, limits, secrets, peers) and says of each whether
 * it is well and what to do if not. It changes nothing except for one small file that it writes and removes again, to
 * see that writing works. Runs beside a node or without one; each look is on its own, so one that fails hides no other.
 */
import type { Clock } from "../clock.ts";
import type { Address } from "../config/address.ts";
import { reasonOf } from "../fault.ts";
import type { VerbResult } from "./check.ts";
import type { DoctorFinding } from "./doctor-finding.ts";
import { examineClock, examinePeers, type PeerAnswer } from "./doctor-clock.ts";
import { examineFolder, examineLeftovers, examineSecrets, examineSpace, examineWriting } from "./doctor-disk.ts";
import { examineCertificate, examineLimits, examinePorts, examineVersions } from "./doctor-machine.ts";

/** What to look at. */
export interface DoctorOptions {
  dataFolder: string;
  /** Where the node is to listen, gossip included. */
  listen: readonly Address[];
  /** Where other nodes are reached, without a trailing slash. */
  peers: readonly string[];
  /** Files that hold secrets: configuration, keys. Those that do not exist are passed over. */
  secretFiles: readonly string[];
  certificate?: { certificatePath: string; keyPath: string };
  /** The version of this program. */
  version: string;
  clock: Clock;
  /** How long one peer may take, ms. @default 3000 */
  timeoutMs?: number;
  /** Where the kernel tells about processes. @default "/proc" */
  procFolder?: string;
}

/** Looks at everything. Resolves to the findings, in an order that reads well. Never rejects. */
export async function examine(options: DoctorOptions): Promise<DoctorFinding[]> {
  const proc = options.procFolder ?? "/proc";
  const timeoutMs = options.timeoutMs ?? 3000;
  let answers: readonly PeerAnswer[] = [];
  const looks: [name: string, look: () => DoctorFinding[] | Promise<DoctorFinding[]>][] = [
    ["versions", () => examineVersions(options.version)],
    ["data folder", () => examineFolder(options.dataFolder, proc)],
    ["disk writing", () => examineWriting(options.dataFolder, options.clock)],
    ["disk space", () => examineSpace(options.dataFolder)],
    ["leftovers", () => examineLeftovers(options.dataFolder, proc)],
    ["secrets", () => examineSecrets(options.dataFolder, options.secretFiles)],
    ["certificate", () => examineCertificate(options.certificate, options.clock)],
    ["open files", () => examineLimits(options.dataFolder, proc)],
    ["ports", () => examinePorts(options.listen, options.dataFolder, proc)],
    [
      "peers",
      async () => {
        const examined = await examinePeers(options.peers, options.clock, timeoutMs);
        answers = examined.answers;
        return examined.findings;
      },
    ],
    ["clock", () => examineClock(answers)],
  ];
  const findings: DoctorFinding[] = [];
  for (const [name, look] of looks) {
    try {
      findings.push(...(await look()));
    } catch (thrown) {
      findings.push({ name, state: "warn", sentence: `could not be looked at: ${reasonOf(thrown)}` });
    }
  }
  return findings;
}

/** Looks at everything and prints it. Exit code 1 when anything is bad; warnings leave it 0. */
export async function doctorVerb(options: DoctorOptions & { json?: boolean }): Promise<VerbResult> {
  const findings = await examine(options);
  const count = (state: DoctorFinding["state"]) => findings.filter((finding) => finding.state === state).length;
  const exitCode = count("bad") > 0 ? 1 : 0;
  if (options.json) return { text: JSON.stringify({ findings, bad: count("bad"), warnings: count("warn") }), exitCode };
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines: string[] = [];
  for (const { name, state, sentence, advice } of findings) {
    lines.push(`${state.padEnd(4)}  ${name.padEnd(width)}  ${sentence}`);
    if (advice !== undefined) lines.push(`${" ".repeat(width + 8)}→ ${advice}`);
  }
  const verdict =
    exitCode === 0 && count("warn") === 0
      ? "All is well"
      : `${count("bad")} bad, ${count("warn")} to look at, ${count("ok")} well`;
  return { text: [...lines, "", verdict].join("\n"), exitCode };
}
