/**
 * Measurements from the store of the same program, many targets in one request: it answers each by itself
 * (`/render?each=1`), so that nothing has to be guessed or asked twice. Faults are the store's own, word for word.
 */
import { z } from "zod";

import type { Clock } from "../clock.ts";
import { Fault, type FaultKind, faultStatus } from "../fault.ts";
import type { Reach } from "../reach.ts";
import { groupsOf } from "./graphite.ts";
import { checkRendered, readNodes } from "./graphite-json.ts";
import type { MetricSource, TargetAnswer } from "./source.ts";

const groupMax = 1000;
const groupBytesMax = 256 * 1024;

const answer = z.object({
  answers: z.array(
    z.union([
      z.object({ series: z.array(z.unknown()) }),
      z.object({ error: z.string(), kind: z.string(), code: z.string() }),
    ]),
  ),
});
const problem = z.object({ detail: z.string().optional(), title: z.string().optional() });

/** The store behind a way that may not be there (yet). */
export function storeSource(parts: { clock: Clock; reach: () => Reach | undefined; timeoutMs: number }): MetricSource {
  const post = async (path: string, form: URLSearchParams, signal: AbortSignal): Promise<string> => {
    const reach = parts.reach();
    if (!reach) throw unavailable("it does not run in this program");
    const late = new AbortController();
    const cancel = parts.clock.schedule(parts.timeoutMs, () => late.abort());
    try {
      const response = await reach.fetch(`${reach.baseUrl}${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" },
        body: form.toString(),
        signal: AbortSignal.any([signal, late.signal]),
      });
      const text = await response.text();
      if (response.ok) return text;
      throw new Fault(kindOf(response.status), "metric-source/refused", `series gives no answer: ${wordsOf(text)}`);
    } catch (thrown) {
      signal.throwIfAborted();
      if (late.signal.aborted)
        throw new Fault("timeout", "metric-source/timeout", `series gives no answer within ${parts.timeoutMs} ms`);
      throw thrown;
    } finally {
      cancel();
    }
  };
  return {
    name: "series",
    language: "graphite",
    async render(targets, range, signal) {
      const answers: TargetAnswer[] = [];
      for (const group of groupsOf(targets, groupMax, groupBytesMax)) {
        const form = new URLSearchParams({
          each: "1",
          from: String(Math.floor(range.fromSeconds)),
          until: String(Math.floor(range.untilSeconds)),
        });
        if (range.maxDataPoints !== undefined)
          form.set("maxDataPoints", String(Math.max(1, Math.floor(range.maxDataPoints))));
        for (const at of group) form.append("target", targets[at] ?? "");
        const parsed = answer.safeParse(JSON.parse(await post("/render", form, signal)));
        if (!parsed.success || parsed.data.answers.length !== group.length)
          throw unavailable("its answer cannot be read");
        for (const each of parsed.data.answers) {
          if ("series" in each) answers.push({ series: checkRendered(each.series) });
          else answers.push({ fault: new Fault(knownKind(each.kind), each.code, each.error) });
        }
      }
      return answers;
    },
    async find(pattern, signal) {
      return readNodes(await post("/metrics/find", new URLSearchParams({ query: pattern }), signal));
    },
  };
}

function unavailable(reason: string): Fault {
  return new Fault("unavailable", "metric-source/unavailable", `Cannot ask series: ${reason}`);
}

function knownKind(text: string): FaultKind {
  return Object.hasOwn(faultStatus, text) ? (text as FaultKind) : "unavailable";
}

function kindOf(status: number): FaultKind {
  for (const [kind, own] of Object.entries(faultStatus)) if (own === status) return knownKind(kind);
  return status < 500 ? "invalid" : "unavailable";
}

function wordsOf(text: string): string {
  const parsed = problem.safeParse(textOrJson(text));
  return (parsed.data?.detail ?? parsed.data?.title ?? text).slice(0, 400);
}

function textOrJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
