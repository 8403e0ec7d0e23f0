/** `/events`, in the shapes that graphite-web gives them: post one, get those of a time, get one by its number. */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { wholeText } from "../../kit/http/body.ts";
import { z } from "zod";
import { momentOf } from "./ask.ts";
import type { EventsStore, SeriesEvent } from "./events-store.ts";

const shape = z.object({
  what: z.string().max(1000),
  when: z.number().finite().nonnegative().optional(),
  data: z.unknown().optional(),
  tags: z.union([z.string(), z.array(z.string())]).optional(),
});
const bodyMaxBytes = 256 * 1024;

/** The answer to a path at or below `/events`. */
export async function eventRoute(
  path: string,
  request: Request,
  { events, clock }: { events: EventsStore; clock: Clock },
): Promise<Response> {
  const nowSeconds = Math.floor(clock.now() / 1000);
  if (path === "/events" && request.method === "POST") {
    const event = parse(await wholeText(request, { maxBytes: bodyMaxBytes, clock }), nowSeconds);
    return Response.json({ id: kept(events, event) });
  }
  const parameters = new URL(request.url).searchParams;
  if (path === "/events" || path === "/events/get_data") {
    const from = momentOf(parameters, "from", "0", nowSeconds, "UTC");
    const until = momentOf(parameters, "until", "now", nowSeconds, "UTC");
    const tags = (parameters.get("tags") ?? "").split(/[\s,]+/).filter((tag) => tag !== "");
    const set = parameters.get("set") ?? "intersection";
    if (set !== "union" && set !== "intersection") {
      throw new Fault("invalid", "series/events", "Cannot read events: set must be union or intersection");
    }
    return Response.json(events.list(from, until, tags, set === "union").map(shown));
  }
  const id = /^\/events\/(\d{1,15})$/.exec(path)?.[1];
  const event = id === undefined ? undefined : events.find(Number(id));
  if (!event) throw new Fault("missing", "series/no-such-event", "Cannot find the event: there is none of that number");
  return Response.json(shown(event));
}

function kept(events: EventsStore, event: Omit<SeriesEvent, "id">): number {
  try {
    return events.add(event);
  } catch (thrown) {
    throw new Fault("unavailable", "series/disk", "Cannot keep the event: the disk refuses it", {
      cause: thrown,
      retryAfterMs: 5000,
    });
  }
}

function parse(text: string, nowSeconds: number): Omit<SeriesEvent, "id"> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (thrown) {
    throw new Fault("invalid", "series/events", "Cannot take the event: its body is no JSON", { cause: thrown });
  }
  const parsed = shape.safeParse(body);
  if (!parsed.success) {
    throw new Fault("invalid", "series/events", 'Cannot take the event: wanted {"what", "tags", "when", "data"}');
  }
  const { what, when, data, tags } = parsed.data;
  return {
    what,
    atSeconds: when ?? nowSeconds,
    text: typeof data === "string" ? data : data === undefined ? "" : JSON.stringify(data),
    tags: typeof tags === "string" ? tags.split(/[\s,]+/).filter((tag) => tag !== "") : (tags ?? []),
  };
}

function shown({ id, what, atSeconds, text, tags }: SeriesEvent) {
  return { id, what, when: atSeconds, data: text, tags };
}
