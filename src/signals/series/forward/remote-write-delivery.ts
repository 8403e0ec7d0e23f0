/**
 * The way of points to a receiver of Prometheus' remote write. Lines come in, as they wait in the spool, and go out as
 * compressed write requests. Stored is what is answered by 2xx; 5xx, 429 and whatever does not answer is tried again by
 * whoever calls; any other refusal would be the same the next time, so it is counted with the receiver's words and left,
 * after the batch was cut in halves a few times so that what is fine arrives.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Delivery } from "../../../kit/carbon/delivery.ts";
import { sentenceOf } from "../../../kit/outbound.ts";
import { decodeLines } from "../../../lib/graphite/line.ts";
import type { Point } from "../../../lib/graphite/path.ts";
import { snappyBlock } from "../snappy.ts";
import { encodeWriteRequest, type LabelNames } from "./write-request.ts";

/** Where and how. */
export interface RemoteWriteTarget {
  url: string;
  names: LabelNames;
  /** The value of the header Authorization, if one is wanted. */
  authorization: string | undefined;
  clock: Clock;
}

/** What a receiver did not want. */
export interface Refusals {
  points: number;
  /** Its newest refusal in words, empty when there was none, and when that was on the monotonic clock. */
  words: string;
  atMs: number;
}

const timeoutMs = 30_000;
const wordsMax = 400;
/** For one batch, when it is cut to find what is not wanted of it. */
const requestsMax = 64;

/** A delivery with what its receiver refused. */
export interface RemoteWriteDelivery extends Delivery {
  readonly refusals: Readonly<Refusals>;
}

/** A delivery to one receiver. */
export function remoteWriteDelivery({ url, names, authorization, clock }: RemoteWriteTarget): RemoteWriteDelivery {
  const refusals: Refusals = { points: 0, words: "", atMs: -Infinity };
  /** What the receiver said where it refused for good. Throws where it may take the same later. */
  const send = async (points: readonly Point[]): Promise<{ status: number; words: string } | undefined> => {
    const late = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => late.abort());
    try {
      const answer = await post(url, snappyBlock(encodeWriteRequest(points, names)), authorization, late.signal);
      const words = answer.ok ? "" : await beginningOf(answer);
      await answer.body?.cancel();
      const { status } = answer;
      if (status >= 200 && status < 300) return undefined;
      const said = `it answered ${status}${words === "" ? "" : `: ${words}`}`;
      if (status >= 500 || status === 429) throw new Error(said);
      if (status < 400) throw new Error(`it redirects to ${answer.headers.get("location") ?? "nowhere"}`);
      return { status, words: said };
    } finally {
      cancel();
    }
  };
  return {
    lost: () => undefined,
    hasReceipts: true,
    refusals,
    async write(bytes) {
      const { points } = decodeLines(new TextDecoder().decode(bytes), { nowSeconds: Math.floor(clock.now() / 1000) });
      if (points.length === 0) return;
      let requestsLeft = requestsMax;
      const deliver = async (some: readonly Point[]): Promise<void> => {
        requestsLeft--;
        const refusal = await send(some);
        if (refusal === undefined) return;
        // Prometheus takes nothing of a request in which it does not want one sample.
        if (refusal.status === 400 && some.length > 1 && requestsLeft > 1) {
          const middle = Math.ceil(some.length / 2);
          await deliver(some.slice(0, middle));
          await deliver(some.slice(middle));
          return;
        }
        refusals.points += some.length;
        refusals.words = refusal.words;
        refusals.atMs = clock.monotonicMs();
      };
      // Those of one series stay together.
      await deliver(points.toSorted((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0)));
    },
    close: () => Promise.resolve(),
  };
}

async function post(
  url: string,
  block: Uint8Array,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  try {
    return await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
        "User-Agent": "Warren",
        ...(authorization === undefined ? {} : { Authorization: authorization }),
      },
      body: Uint8Array.from(block),
      signal,
    });
  } catch (thrown) {
    throw new Error(signal.aborted ? `no answer within ${timeoutMs} ms` : sentenceOf(thrown), { cause: thrown });
  }
}

/** The first words of a body, on one line. */
async function beginningOf(answer: Response): Promise<string> {
  const reader = answer.body?.getReader();
  if (!reader) return "";
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder()
    .decode(value?.subarray(0, wordsMax * 2))
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, wordsMax);
}
