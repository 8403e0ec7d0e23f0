/** What a request asks, from its address and, for a form, from its body: Graphite's clients use both, and may mix them. */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { parseMoment } from "../../lib/graphite/at-time.ts";
import { ParameterError } from "../../lib/graphite/call.ts";

const formMaxBytes = 1 << 20;

/** Parameters of a request: those of the body first. */
export async function parametersOf(request: Request, clock: Clock): Promise<URLSearchParams> {
  const own = new URL(request.url).searchParams;
  if (request.method !== "POST") return own;
  const text = await wholeText(request, { maxBytes: formMaxBytes, clock });
  const type = request.headers.get("content-type") ?? "";
  if (type.includes("json") && text.trim() !== "") return withJson(text, own);
  const all = new URLSearchParams(text);
  for (const [name, value] of own) all.append(name, value);
  return all;
}

function withJson(text: string, own: URLSearchParams): URLSearchParams {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (thrown) {
    throw new Fault("invalid", "series/json", "Cannot read the body: it is no JSON", { cause: thrown });
  }
  const all = new URLSearchParams(own);
  if (typeof body === "object" && body !== null) {
    for (const [name, value] of Object.entries(body)) {
      for (const each of Array.isArray(value) ? value : [value]) all.append(name, String(each));
    }
  }
  return all;
}

/** All values of a parameter, with `[]` behind its name or without. */
export function allOf(parameters: URLSearchParams, name: string): string[] {
  return [...parameters.getAll(name), ...parameters.getAll(`${name}[]`)].filter((each) => each !== "");
}

/** A moment in epoch seconds; `otherwise` where the parameter is absent. Fault `series/time`. */
export function momentOf(
  parameters: URLSearchParams,
  name: string,
  otherwise: string,
  nowSeconds: number,
  timeZone: string,
): number {
  const text = parameters.get(name) || otherwise;
  try {
    return Math.floor(parseMoment(text, { nowSeconds, timeZone }));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError) && !(thrown instanceof RangeError)) throw thrown;
    throw new Fault("invalid", "series/time", `Invalid parameters (${name}: ${thrown.message})`, { cause: thrown });
  }
}

/** A whole number; undefined where the parameter is absent. Fault `series/number`. */
export function numberOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) {
    throw new Fault("invalid", "series/number", `Invalid parameters (${name} "${text.slice(0, 50)}" is not a number)`);
  }
  return value;
}

/** The stretch of time that a render request is about, in epoch seconds, `from` before `until`. */
export interface AskedRange {
  readonly timeZone: string;
  readonly nowSeconds: number;
  readonly fromSeconds: number;
  readonly untilSeconds: number;
}

/** Reads it; the last day where nothing else is said. Faults: `series/time`, `series/render` for no time at all. */
export function rangeOf(parameters: URLSearchParams, clock: Clock): AskedRange {
  const timeZone = parameters.get("tz") || "UTC";
  const nowSeconds = momentOf(parameters, "now", "now", Math.floor(clock.now() / 1000), timeZone);
  const from = momentOf(parameters, "from", "-24h", nowSeconds, timeZone);
  const until = momentOf(parameters, "until", "now", nowSeconds, timeZone);
  if (from === until) throw invalidRender("from and until are the same time");
  return { timeZone, nowSeconds, fromSeconds: Math.min(from, until), untilSeconds: Math.max(from, until) };
}

/** The fault of a render request that asks for what there cannot be, in Graphite's words. */
export function invalidRender(reason: string, cause?: unknown): Fault {
  return new Fault("invalid", "series/render", `Invalid parameters (${reason})`, { cause });
}

/** Whether what was thrown says why a target cannot be answered; anything else is a bug, or the store's fault. */
export function isAboutTarget(thrown: unknown): thrown is Error {
  return thrown instanceof SyntaxError || thrown instanceof RangeError || thrown instanceof ParameterError;
}
