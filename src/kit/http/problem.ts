/**
 * The one way from a Fault to an answer: problem details for programs that ask for JSON (RFC 9457), a page for browsers,
 * and one line of text for everyone else, `curl` first of all. The kind decides the status; what happened inside is in
 * the log under the request's id and never in the answer.
 */
import type { Fault } from "../fault.ts";
import { preferredType } from "./accept.ts";

/** What a page shows of a failure. Every field may quote what the client sent; the renderer escapes. */
export interface ProblemView {
  status: number;
  /** The status in words, such as `Not Found`. */
  title: string;
  code: string;
  message: string;
  requestId: string;
  /** Whole seconds, when waiting helps. */
  retryAfterSeconds: number | undefined;
}

/** What an answer to a failure needs beside the failure. */
export interface ProblemOptions {
  requestId: string;
  /** Renders the page for browsers; without it they get text. */
  html?: (view: ProblemView) => string | Promise<string>;
}

const titles: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  421: "Misdirected Request",
  423: "Locked",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  460: "Checksum Mismatch",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  507: "Insufficient Storage",
};

/** The reason phrase of a status that Faults use, or `Error`. */
export function statusTitle(status: number): string {
  return titles[status] ?? "Error";
}

/** The answer to a request that failed, in the form its `Accept` header prefers. Text ends in a newline. */
export async function problemResponse(
  fault: Fault,
  request: { method: string; headers: Headers },
  options: ProblemOptions,
): Promise<Response> {
  const view: ProblemView = {
    status: fault.status,
    title: statusTitle(fault.status),
    code: fault.code,
    message: fault.message,
    requestId: options.requestId,
    retryAfterSeconds: fault.retryAfterMs === undefined ? undefined : Math.max(0, Math.ceil(fault.retryAfterMs / 1000)),
  };
  const headers = new Headers({ "Cache-Control": "no-store", Vary: "Accept", "X-Content-Type-Options": "nosniff" });
  if (view.retryAfterSeconds !== undefined) headers.set("Retry-After", String(view.retryAfterSeconds));
  if (fault.status === 401) headers.set("WWW-Authenticate", challengeFor(request.headers));
  // The rest of the body is unwanted; on a connection that stays open it would have to be read all the same.
  if (fault.status === 408 || fault.status === 413) headers.set("Connection", "close");

  const wanted = preferredType(request.headers.get("accept"), [
    "text/plain",
    "application/json",
    "application/problem+json",
    "text/html",
  ]);
  let body: string;
  if (wanted === "text/html" && options.html) {
    headers.set("Content-Type", "text/html; charset=utf-8");
    body = await options.html(view);
  } else if (wanted === "application/json" || wanted === "application/problem+json") {
    headers.set("Content-Type", "application/problem+json");
    body = `${JSON.stringify(problemDetails(fault, view))}\n`;
  } else {
    headers.set("Content-Type", "text/plain; charset=utf-8");
    body = `${visible(view.message)}\n`;
  }
  return new Response(request.method === "HEAD" ? null : body, { status: view.status, headers });
}

/** The members of RFC 9457, ours beside them. `details` are kept apart so that none can replace a standard member. */
function problemDetails(fault: Fault, view: ProblemView): Record<string, unknown> {
  return {
    title: view.title,
    status: view.status,
    detail: view.message,
    code: view.code,
    requestId: view.requestId,
    ...(view.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: view.retryAfterSeconds }),
    ...(Object.keys(fault.details).length === 0 ? {} : { details: fault.details }),
  };
}

/** Browsers answer `Basic` with a dialog of their own, over our page; so only clients that are none are told of it. */
function challengeFor(headers: Headers): string {
  return headers.has("sec-fetch-mode") ? 'Bearer realm="warren"' : 'Bearer realm="warren", Basic realm="warren"';
}

/** Text with control characters escaped, so that a quoted value cannot move the reader's terminal. */
function visible(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
