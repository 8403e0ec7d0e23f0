/**
 * The way of points to a receiver of Prometheus' remote write. Lines come in, as they wait in the spool, and go out as
 * compressed write requests. Stored is what is answered by 2xx. What the receiver says about the points themselves would
 * be the same the next time, so they are counted with its words and left, after the batch was cut in halves a few times
 * so that what is fine arrives. Everything else is tried again by whoever calls: 5xx, 429, silence, and also 401, 404 and
 * their like, which somebody can mend on either side while the points wait.
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
  /** Says who sends, so that points which come back are known. */
  mark: string;
  clock: Clock;
}

/** What a receiver did not want. */
export interface Refusals {
  points: number;
  /** Its newest refusal in words, empty when there was none, and when that was on the monotonic clock. */
  words: string;
  atMs: number;
}

/** The header with {@link RemoteWriteTarget.mark}. */
export const markHeader = "X-Warren-Series";

const timeoutMs = 30_000;
/** Answers that are about the points and not about the way to the receiver. */
const aboutPoints: ReadonlySet<number> = new Set([400, 409, 413, 422]);
const wordsMax = 400;
/** For one batch, when it is cut to find what is not wanted of it. */
const requestsMax = 64;

/** An answer after which the same may be tried again. */
class Refusal extends Error {}

/** A delivery with what its receiver refused. */
export interface RemoteWriteDelivery extends Delivery {
  readonly refusals: Readonly<Refusals>;
}

/** A delivery to one receiver. */
export function remoteWriteDelivery({
  url,
  names,
  authorization,
  mark,
  clock,
}: RemoteWriteTarget): RemoteWriteDelivery {
  const refusals: Refusals = { points: 0, words: "", atMs: -Infinity };
  const closing = new AbortController();
  const headers = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "Warren",
    [markHeader]: mark,
    ...(authorization === undefined ? {} : { Authorization: authorization }),
  };
  /** What the receiver said where it refused for good. Throws where it may take the same later. */
  const send = async (points: readonly Point[]): Promise<{ status: number; words: string } | undefined> => {
    const late = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => late.abort());
    const signal = AbortSignal.any([late.signal, closing.signal]);
    try {
      const body = new Uint8Array(snappyBlock(encodeWriteRequest(points, names)));
      const answer = await fetch(url, { method: "POST", redirect: "manual", headers, body, signal });
      const words = answer.ok ? "" : await beginningOf(answer);
      await answer.body?.cancel();
      const { status } = answer;
      if (status >= 200 && status < 300) return undefined;
      if (status >= 300 && status < 400)
        throw new Refusal(`it redirects to ${answer.headers.get("location") ?? "nowhere"}`);
      const said = `it answered ${status}${words === "" ? "" : `: ${words}`}`;
      if (!aboutPoints.has(status)) throw new Refusal(said);
      return { status, words: said };
    } catch (thrown) {
      if (thrown instanceof Refusal) throw thrown;
      const ended = closing.signal.aborted ? "it had not answered when this ended" : sentenceOf(thrown);
      throw new Error(late.signal.aborted ? `no answer within ${timeoutMs} ms` : ended, { cause: thrown });
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
        if (some.length > 1 && requestsLeft > 1) {
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
    close() {
      closing.abort();
      return Promise.resolve();
    },
  };
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
