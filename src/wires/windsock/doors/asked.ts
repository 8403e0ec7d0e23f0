/**
 * What a request by the older ways of HTTP asks to hear, in its query: `topic`, `prefix` and `address` as often as wanted,
 * and where to go on from.
 */
import { Fault } from "../../../kit/fault.ts";
import type { Interest } from "../publication.ts";
import type { Rights } from "./rights.ts";
import { parseTopic } from "./topic.ts";

/** What a request asks to hear: what it names, or all that its token covers. */
export function topicsOf(query: URLSearchParams, rights: Rights): Interest[] {
  const wanted = namedTopics(query);
  return wanted.length > 0 ? wanted : [...rights.subscribe];
}

/** What a request names. */
export function namedTopics(query: URLSearchParams): Interest[] {
  return [
    ...query.getAll("topic").map(parseTopic),
    ...query.getAll("prefix").map((prefix) => parseTopic({ prefix })),
    ...query.getAll("address").map((address) => parseTopic({ address })),
  ];
}

/** Where to go on from. `Last-Event-ID` is newer than what stands in the URL, which a browser repeats as it was. */
export function sinceOf(request: Request, query: URLSearchParams): string | undefined {
  const header = request.headers.get("last-event-id");
  const since = header === null || header === "" ? (query.get("since") ?? query.get("last_event_id")) : header;
  return since === null || since === "" ? undefined : since.slice(0, 200);
}

/** What a client says of itself, as JSON. Fault `windsock/info`. */
export function infoOf(query: URLSearchParams): unknown {
  const text = query.get("info");
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault("invalid", "windsock/info", "Cannot take info: it is no JSON");
  }
}
