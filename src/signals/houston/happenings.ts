/**
 * What is drawn into charts as lines down: events that series keeps (deploys among them, by their tags), and what happened
 * on this node since it started, such as checks that went down and alerts.
 */
import { z } from "zod";

import type { NodeEvent } from "../../kit/events.ts";
import type { Reach } from "../../kit/reach.ts";

/** Something that happened at a time. */
export interface Happening {
  /** Epoch seconds. */
  at: number;
  text: string;
  kind: "deploy" | "alert" | "event";
}

const happeningsMax = 500;
const textMax = 300;
/** Hound tells the store and the node of the same change, the node when its round is over. */
const sameSeconds = 60;
const shape = z.array(
  z.object({ what: z.string(), when: z.number(), data: z.string().nullish(), tags: z.array(z.string()).default([]) }),
);

/** What happened in a stretch of time, oldest first. Nothing is thrown where series cannot say: charts do without. */
export async function happeningsIn(
  range: { fromSeconds: number; untilSeconds: number },
  parts: { reach: () => Reach | undefined; recent: readonly NodeEvent[]; signal: AbortSignal },
): Promise<Happening[]> {
  const stored = await eventsOf(range, parts.reach(), parts.signal);
  const times = new Map<string, number[]>();
  for (const { at, text } of stored) times.set(text, [...(times.get(text) ?? []), at]);
  const isStored = ({ at, text }: Happening) =>
    (times.get(text) ?? []).some((one) => Math.abs(at - one) <= sameSeconds);
  const own = parts.recent.flatMap(ofNode).filter((happening) => !isStored(happening));
  return [...stored, ...own]
    .filter(({ at }) => at >= range.fromSeconds && at <= range.untilSeconds)
    .toSorted((one, other) => one.at - other.at)
    .slice(-happeningsMax);
}

async function eventsOf(
  range: { fromSeconds: number; untilSeconds: number },
  store: Reach | undefined,
  signal: AbortSignal,
): Promise<Happening[]> {
  if (!store) return [];
  const query = `from=${range.fromSeconds}&until=${range.untilSeconds}`;
  let body: unknown;
  try {
    const answer = await store.fetch(`${store.baseUrl}/events/get_data?${query}`, {
      headers: { Accept: "application/json" },
      signal,
    });
    body = answer.ok ? await answer.json() : [];
  } catch (thrown) {
    if (!(thrown instanceof Error) || signal.aborted) throw thrown;
    return [];
  }
  const parsed = shape.safeParse(body);
  return (parsed.data ?? []).map(({ data, tags, what, when }) => ({
    at: when,
    text: [what, data ?? ""]
      .filter((text) => text !== "")
      .join(": ")
      .slice(0, textMax),
    kind: kindOf(tags, what),
  }));
}

function kindOf(tags: readonly string[], what: string): Happening["kind"] {
  const words = tags.map((tag) => tag.toLowerCase());
  if (words.some((tag) => ["deploy", "deployment", "release", "mediacheck"].includes(tag)) || /^deploy/i.test(what))
    return "deploy";
  return words.some((tag) => ["alert", "hound", "incident"].includes(tag)) ? "alert" : "event";
}

/** Only what a person would want to see beside a chart. */
function ofNode({ at, level, sentence, service }: NodeEvent): Happening[] {
  if (!["chimney", "hound", "mountwatch"].includes(service) || level === "info") return [];
  return [{ at: at / 1000, text: sentence.slice(0, textMax), kind: level === "good" ? "event" : "alert" }];
}
