/**
 * Posting JSON to a place that the operator named, and making sense of the answer. Redirections are never followed: what
 * is posted holds secrets, and a place that moved has to be named anew. Nothing that goes into a sentence or a log holds
 * the URL's path or a token, for these are the secrets.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, type FaultKind } from "../../../kit/fault.ts";
import { oneLine } from "../../../kit/mail/address.ts";
import { outbound, type OutboundOptions } from "../../../kit/outbound.ts";

/** How posts go out. */
export interface PostParts {
  clock: Clock;
  /** @default 15_000 */
  timeoutMs?: number;
  /** @default the machine's own */
  resolve?: OutboundOptions["resolve"];
}

/** One post. */
export interface Post {
  url: string;
  /** @default POST */
  method?: "POST" | "PUT";
  headers?: Readonly<Record<string, string>>;
  body: string;
  verifyTls: boolean;
  /** Never to be shown. */
  secrets: readonly (string | undefined)[];
}

const answerBytesMax = 16_384;
const retryAfterMaxMs = 3_600_000;

/**
 * Posts, and gives what the other side said, shortened. Faults: `hound/channel-refused` with a kind after the status
 * (invalid, unauthorized, limited, timeout, unavailable), and those of `outbound`.
 */
export async function post(
  what: Post,
  { clock, resolve, timeoutMs = 15_000 }: PostParts,
  signal: AbortSignal,
): Promise<string> {
  const answer = await outbound(what.url, {
    clock,
    timeoutMs,
    maxBytes: answerBytesMax,
    maxRedirects: 0,
    verifyTls: what.verifyTls,
    method: what.method ?? "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json, text/plain", ...what.headers },
    body: what.body,
    signal,
    ...(resolve === undefined ? {} : { resolve }),
  });
  const { headers, status } = answer;
  const words = masked(oneLine(new TextDecoder().decode(answer.body)).slice(0, 2000), what).slice(0, 200);
  const said = words === "" ? `status ${status}` : `status ${status}, ${words}`;
  if (status >= 200 && status < 300) return said;
  if (status >= 300 && status < 400) {
    const to = URL.parse(headers.get("location") ?? "", what.url)?.host ?? "nowhere";
    throw new Fault(
      "invalid",
      "hound/channel-refused",
      `It answered with a redirection to ${to}: name the address where it really is`,
    );
  }
  const retryAfterMs = retryAfterOf(headers.get("retry-after"), words, clock);
  const options = retryAfterMs === undefined ? {} : { retryAfterMs };
  throw new Fault(kindOf(status), "hound/channel-refused", `It answered ${said}`, options);
}

function kindOf(status: number): FaultKind {
  if (status === 429) return "limited";
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 408 || status === 425) return "timeout";
  return status >= 500 ? "unavailable" : "invalid";
}

/** How long to wait: seconds or a date in the header, or Matrix's own word in the body. */
function retryAfterOf(header: string | null, words: string, clock: Clock): number | undefined {
  const inBody = /"retry_after_ms"\s*:\s*(\d{1,9})/.exec(words)?.[1];
  const seconds = /^\d{1,9}$/.test(header ?? "") ? Number(header) : undefined;
  const date = header === null || seconds !== undefined ? Number.NaN : Date.parse(header) - clock.now();
  const waitMs = seconds !== undefined ? seconds * 1000 : Number.isFinite(date) ? date : Number(inBody ?? Number.NaN);
  return Number.isFinite(waitMs) ? Math.min(retryAfterMaxMs, Math.max(0, waitMs)) : undefined;
}

function masked(text: string, { secrets, url }: Post): string {
  const { pathname, search } = new URL(url);
  return [...secrets, url, ...(pathname.length > 8 ? [`${pathname}${search}`, pathname] : [])].reduce<string>(
    (shown, secret) => (secret === undefined || secret === "" ? shown : shown.replaceAll(secret, "***")),
    text,
  );
}
