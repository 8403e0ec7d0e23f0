/** What this service asks of windsock in the same program: JSON by POST, for a bounded time. */
import type { Reach } from "../../kit/reach.ts";

const answerMs = 10_000;

/** The answer of a route of windsock, such as `publish`; refusals as well. Rejects when `signal` aborts, or after 10 s. */
export function postToWindsock(reach: Reach, route: string, body: object, signal: AbortSignal): Promise<Response> {
  return reach.fetch(`${reach.baseUrl}/${route}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json" },
    signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
  });
}
