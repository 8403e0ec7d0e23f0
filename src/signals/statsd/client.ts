/**
 * What sends metrics to a statsd from outside: a datagram for each, as every client does, and the live stream of lines over
 * HTTP. Knows the protocol and nothing of how a statsd works.
 */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";

import type { Address } from "../../kit/config/address.ts";
import { Fault, reasonOf } from "../../kit/fault.ts";

/** The kinds of metric that can be sent, with their letters. */
export const kindLetters = { count: "c", time: "ms", gauge: "g", set: "s" } as const;
/** One of {@link kindLetters}. */
export type MetricKind = keyof typeof kindLetters;

/** What to send. */
export interface Metric {
  kind: MetricKind;
  name: string;
  /** A number; for a set any text. A gauge with a sign changes by it. */
  value: string;
  /** The share of all that is sent, above 0 to 1. */
  rate?: number;
  /** As `name:value`. */
  tags?: readonly string[];
}

/** The line of a metric. Throws the Fault `statsd/metric` when it would not be read as what it is. */
export function formatMetric({ kind, name, value, rate, tags = [] }: Metric): string {
  const refuse = (what: string) => new Fault("invalid", "statsd/metric", `Cannot send "${name}": ${what}`);
  if (!/^[\w.-][^:|@#[\]\s]*$/.test(name))
    throw refuse("wanted a name without white space and : | @ # [ ], from a letter on");
  if (/[|\n]/.test(value) || value === "") throw refuse("wanted a value without | and line feeds");
  if (kind !== "set" && !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value))
    throw refuse(`wanted a number, not "${value}"`);
  if (kind !== "set" && !Number.isFinite(Number(value))) throw refuse(`"${value}" is larger than any number`);
  if (kind === "time" && value.startsWith("-")) throw refuse("wanted a time of 0 or more");
  if (rate !== undefined && !(rate > 0 && rate <= 1)) throw refuse("wanted a rate above 0 and at most 1");
  if (tags.some((tag) => /[|,\n]/.test(tag))) throw refuse("wanted tags without | and commas");
  const sampled = rate === undefined || rate === 1 ? "" : `|@${rate}`;
  return `${name}:${value}|${kindLetters[kind]}${sampled}${tags.length === 0 ? "" : `|#${tags.join(",")}`}`;
}

/** Sends a packet by datagram. Rejects with the Fault `statsd/unsent` when the machine cannot send it. */
export async function sendPacket(text: string, to: Address): Promise<void> {
  const socket = createSocket(isIPv6(to.host) ? "udp6" : "udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.send(Buffer.from(text, "utf8"), to.port, to.host, (failure) => (failure ? reject(failure) : resolve()));
    });
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Fault("unavailable", "statsd/unsent", `Cannot send to ${to.host}:${to.port}: ${reason}`, {
      cause: thrown,
    });
  } finally {
    socket.close();
  }
}

/** Where the routes of a statsd begin on a node that nobody configured. */
export const exampleUrl = "http://127.0.0.1:4100/statsd";

/**
 * The live stream of lines of the first server that answers. Rejects with the Faults `statsd/no-server` when none does, and
 * `statsd/tail` when what answers has no such stream.
 */
export async function openTail(
  baseUrls: readonly string[],
  query: URLSearchParams,
  { fetch, token }: { fetch(url: string, init: RequestInit): Promise<Response>; token: string | undefined },
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const failures: string[] = [];
  for (const baseUrl of baseUrls) {
    const url = baseUrl.replace(/\/+$/, "");
    let answer: Response;
    try {
      answer = await fetch(`${url}/tail?${query}`, { headers });
    } catch (thrown) {
      failures.push(`Cannot reach ${url}: ${reasonOf(thrown)}`);
      continue;
    }
    const { body, status } = answer;
    if (answer.ok && body && answer.headers.get("Content-Type")?.startsWith("text/event-stream")) return body;
    await body?.cancel();
    const why =
      status === 401 || status === 403
        ? `${url} answered ${status}: wanted a token that may read (WARREN_TOKEN, or --token-file)`
        : `${url} answered ${status} and is no statsd, which is at an address such as ${exampleUrl}`;
    throw new Fault("unavailable", "statsd/tail", `Cannot follow: ${why}`);
  }
  throw new Fault("unavailable", "statsd/no-server", failures.join("; "));
}
