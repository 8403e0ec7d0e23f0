/** What a look becomes in Graphite: the predecessor's `<prefix>.<metric>`, 0 for well and 1 for not, and ours beside it. */
import type { Point } from "../../lib/graphite/path.ts";
import type { ProbeAnswer, Verdict } from "./verdict.ts";
import type { Watched } from "./watched.ts";

/** The points of one look. `at` in epoch ms. */
export function pointsOf(
  watched: Watched,
  answer: ProbeAnswer,
  verdict: Verdict,
  { at, onlyOriginal, prefix }: { prefix: string; onlyOriginal: boolean; at: number },
): Point[] {
  const atSeconds = Math.floor(at / 1000);
  const name = `${prefix}.${watched.metric}`;
  const points: Point[] = [{ path: name, value: verdict.isBroken ? 1 : 0, atSeconds }];
  if (onlyOriginal || answer.kind !== "seen") return points;
  const add = (ending: string, value: number) => points.push({ path: `${name}_${ending}`, value, atSeconds });
  const room = answer.usedBytes + answer.availableBytes;
  add("used_bytes", answer.usedBytes);
  add("available_bytes", answer.availableBytes);
  if (room > 0) add("used_percent", Math.round((answer.usedBytes / room) * 10_000) / 100);
  if (answer.inodes > 0) add("inodes_used_percent", Math.round((1 - answer.freeInodes / answer.inodes) * 10_000) / 100);
  add("latency_ms", Math.round(answer.latencyMs * 1000) / 1000);
  if (answer.writeMs !== undefined) add("write_ms", Math.round(answer.writeMs * 1000) / 1000);
  return points;
}
