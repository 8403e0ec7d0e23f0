/**
 * Answers of the newer doors over HTTP: JSON whatever happens, also for refusals, and readable by pages of other sites,
 * for the right to them lies in a token that the page shows and never in a cookie.
 */
import { Fault, toFault } from "../../../kit/fault.ts";
import { tokenHeader } from "./admission.ts";
import { closeCodeOf, mayReconnect } from "./close-codes.ts";
import { faultJson } from "./command.ts";
import { signatureHeader } from "./signature.ts";

/** What lets pages of other sites read. */
export const crossOrigin: Readonly<Record<string, string>> = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "Retry-After",
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

/** An answer that is JSON. */
export function json(value: unknown, status = 200): Response {
  return new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { ...crossOrigin, "Content-Type": "application/json; charset=utf-8" },
  });
}

/** A refusal, with the code of close-codes.ts that a websocket would end with. What is no Fault is thrown again. */
export function refusal(thrown: unknown): Response {
  const fault = toFault(thrown);
  if (fault.kind === "internal") throw thrown;
  const close = closeCodeOf(fault);
  const response = json({ error: { ...faultJson(fault), close, reconnect: mayReconnect(close) } }, fault.status);
  if (fault.retryAfterMs !== undefined) {
    response.headers.set("Retry-After", String(Math.ceil(fault.retryAfterMs / 1000)));
  }
  return response;
}

/** What a browser asks before a page of another site may send more than a form could. */
export function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      ...crossOrigin,
      "Access-Control-Allow-Methods": "GET, HEAD, POST",
      "Access-Control-Allow-Headers": `Content-Type, Last-Event-ID, ${tokenHeader}, ${signatureHeader}`,
      "Access-Control-Max-Age": "7200",
    },
  });
}

/** An answer to a method that is not for a path. */
export function notAllowed(allow: string): Response {
  const response = json({ error: { code: "windsock/method", message: `Cannot do that: wanted ${allow}` } }, 405);
  response.headers.set("Allow", allow);
  return response;
}

/** A whole number of a query. Fault `windsock/query` (invalid). */
export function numberOf(query: URLSearchParams, name: string, usual: number, max: number): number {
  const text = query.get(name);
  if (text === null) return usual;
  if (/^\d{1,9}$/.test(text) && Number(text) <= max) return Number(text);
  throw new Fault(
    "invalid",
    "windsock/query",
    `Cannot read ${name}="${text.slice(0, 40)}": wanted a number up to ${max}`,
  );
}
