/**
 * What the system says of processes, for benches: memory, processor time, which core they use, bytes over loopback.
 * Reads `/proc`, so Linux only. Also the little arithmetic that every bench needs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** The number in the middle; NaN of none. */
export function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[numbers.length >> 1] ?? Number.NaN;
}

/**
 * The median of what each turn says of one beside the other. What else runs on the hardware comes and goes by the second, so
 * that figures of one turn are worth more beside each other than those of different ones.
 */
export function ratioOf(ones: readonly number[], others: readonly number[]): number {
  return medianOf(ones.map((one, turn) => one / (others[turn] ?? Number.NaN)));
}

/** How far the numbers lie apart, as a share of their median: `±12 %`. */
export function spreadText(numbers: readonly number[]): string {
  const share = (Math.max(...numbers) - Math.min(...numbers)) / 2 / medianOf(numbers);
  return `±${Math.round(share * 100)} %`;
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** The most resident memory a process had since {@link forgetPeak}, in bytes. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

/** Begins a new peak. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function statusBytes(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (!match) throw new Error(`Cannot find ${name} of process ${pid}`);
  return Number(match[1]) * 1024;
}

/** Processor time of a process so far, in seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything; the fields after it are counted from there.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Bytes that went over the loopback device so far. */
export function loopbackBytes(): number {
  const match = /^\s*lo:\s*(\d+)/m.exec(readFileSync("/proc/net/dev", "utf8"));
  return Number(match?.[1] ?? Number.NaN);
}

/** Whether there are two cores, one for the server and one for the load. */
export const hasTwoCores = availableParallelism() >= 2;

/** The words before a command that keep it on one core; none where there is only one. */
export function onCore(core: 0 | 1): string[] {
  return hasTwoCores && Bun.which("taskset") ? ["taskset", "-c", String(core)] : [];
}

/** Keeps a running process, all its threads, on one core. */
export function pin(pid: number, core: 0 | 1): void {
  if (onCore(core).length > 0) Bun.spawnSync(["taskset", "-acp", String(core), String(pid)]);
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Throws when a program that a bench stands on is not installed. */
export function mustHave(...programs: string[]): void {
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (missing.length > 0) throw new Error(`Cannot measure: ${missing.join(" and ")} must be installed`);
}
