/**
 * The part of `warren doctor` that asks others: whether the peers answer, and what time they think it is. The kernel is
 * asked as well whether anybody keeps its clock right.
 */
import { dlopen, ptr } from "bun:ffi";

import type { Clock } from "../clock.ts";
import { reasonOf } from "../fault.ts";
import { parseHttpDate } from "../http/conditional.ts";
import type { DoctorFinding } from "./doctor-finding.ts";

/** What came back from a peer. */
export interface PeerAnswer {
  url: string;
  /** How far its clock is ahead of ours, ms, to about a second; undefined when it did not say. */
  aheadMs: number | undefined;
}

/** Asks every peer for its health. Any answer shows that it is there. */
export async function examinePeers(
  peers: readonly string[],
  clock: Clock,
  timeoutMs: number,
): Promise<{ findings: DoctorFinding[]; answers: PeerAnswer[] }> {
  const asked = await Promise.all(peers.map((url) => askPeer(url, clock, timeoutMs)));
  return { findings: asked.map(({ finding }) => finding), answers: asked.flatMap(({ answer }) => answer ?? []) };
}

async function askPeer(
  url: string,
  clock: Clock,
  timeoutMs: number,
): Promise<{ finding: DoctorFinding; answer?: PeerAnswer }> {
  const name = "peer";
  const startedMs = clock.monotonicMs();
  const sentAt = clock.now();
  try {
    const response = await fetch(`${url}/healthz`, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    const tookMs = clock.monotonicMs() - startedMs;
    const date = parseHttpDate(response.headers.get("date") ?? "");
    // The header is cut to whole seconds, so half a second is its likely error; half of the way is taken off as well.
    const aheadMs = date === undefined ? undefined : date + 500 - (sentAt + tookMs / 2);
    const answer = { url, aheadMs };
    if (response.status >= 500) {
      const sentence = `${url} answers but says that it is not well (status ${response.status})`;
      return { finding: { name, state: "warn", sentence, advice: "run warren doctor there" }, answer };
    }
    return { finding: { name, state: "ok", sentence: `${url} answers after ${tookMs.toFixed(0)} ms` }, answer };
  } catch (thrown) {
    const late = thrown instanceof DOMException && thrown.name === "TimeoutError";
    const reason = late ? `nothing within ${timeoutMs / 1000} s` : reasonOf(thrown);
    const advice = "see whether it runs there, and whether a firewall is between";
    return { finding: { name, state: "bad", sentence: `${url} does not answer: ${reason}`, advice } };
  }
}

/** Whether this machine's time is right, by its kernel and by the peers. */
export function examineClock(answers: readonly PeerAnswer[]): DoctorFinding[] {
  return [judgeClock(kernelSaysSynchronised(), answers)];
}

/** What to say about a clock. Bad from 30 s beside the median of the peers, a warning from 3 s or when nobody keeps it. */
export function judgeClock(synchronised: boolean | undefined, answers: readonly PeerAnswer[]): DoctorFinding {
  const name = "clock";
  const ahead = answers.flatMap(({ aheadMs }) => aheadMs ?? []).sort((one, other) => one - other);
  const median = ahead[Math.floor(ahead.length / 2)];
  const advice = "let chrony, systemd-timesyncd or the host keep the time";
  if (median !== undefined && Math.abs(median) >= 3000) {
    const distance = `${Math.round(Math.abs(median) / 1000)} s ${median > 0 ? "behind" : "ahead of"}`;
    const state = Math.abs(median) >= 30_000 ? "bad" : "warn";
    return { name, state, sentence: `this machine is ${distance} its peers`, advice };
  }
  const beside =
    median === undefined ? "" : `, and within ${Math.max(1, Math.round(Math.abs(median) / 1000))} s of the peers`;
  if (synchronised === false) {
    return { name, state: "warn", sentence: `nothing on this machine keeps the time right${beside}`, advice };
  }
  return {
    name,
    state: "ok",
    sentence: `${synchronised ? "kept right" : "whether it is kept right is unknown"}${beside}`,
  };
}

/** What adjtimex(2) reports; undefined where it cannot be asked. */
export function kernelSaysSynchronised(): boolean | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const library = dlopen("libc.so.6", { adjtimex: { args: ["ptr"], returns: "i32" } });
    // All zero asks without changing anything; the structure has 208 bytes.
    const state = library.symbols.adjtimex(ptr(Buffer.alloc(256)));
    library.close();
    const unsynchronised = 5;
    return state < 0 ? undefined : state !== unsynchronised;
  } catch {
    return undefined;
  }
}
