/**
 * What goes wrong and was expected to: a Fault. Its kind alone decides HTTP status and whether trying again makes sense.
 * A bug is not a Fault: a broken assumption is thrown as an ordinary Error and shown to strangers only as "internal".
 * Messages: name the action, quote the value, colon, reason with the wanted state; no final period.
 */

/** The closed set of kinds, each with its HTTP status. */
export const faultStatus = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  missing: 404,
  conflict: 409,
  "too-large": 413,
  limited: 429,
  internal: 500,
  unavailable: 503,
  timeout: 504,
} as const;

/** One of the kinds of {@link faultStatus}. */
export type FaultKind = keyof typeof faultStatus;

/** What a Fault may carry beside kind, code and message. */
export interface FaultOptions {
  /** Facts for programs, shown to the caller. */
  details?: Record<string, unknown>;
  /** What really happened; goes to the log, never to the caller. */
  cause?: unknown;
  /** Wait this long before trying again; becomes `Retry-After`. */
  retryAfterMs?: number;
  /** An HTTP status other than the kind's own, where a protocol asks for it. */
  status?: number;
}

/** An expected failure with a public message. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly kind: FaultKind;
  /** Stable and greppable: `<service>/<what>`, such as `cask/short-write`. */
  readonly code: string;
  readonly details: Record<string, unknown>;
  readonly retryAfterMs: number | undefined;
  readonly status: number;

  constructor(kind: FaultKind, code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status ?? faultStatus[kind];
  }
}

/** The Fault itself, or an internal one that hides what was thrown (the thrown value is its cause). */
export function toFault(thrown: unknown): Fault {
  if (thrown instanceof Fault) return thrown;
  return new Fault("internal", "warren/internal", "Something went wrong inside: the log has the details", {
    cause: thrown,
  });
}

/** The text of anything thrown, with its causes and what it gathers, for logs. Never throws. */
export function reasonOf(thrown: unknown): string {
  const parts: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < 5 && current !== undefined; depth++) {
    parts.push(textOf(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(": ");
}

function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error))
    return typeof thrown === "object" ? Bun.inspect(thrown, { compact: true }) : String(thrown);
  const own = thrown.message || thrown.name;
  if (!(thrown instanceof AggregateError) || thrown.errors.length === 0) return own;
  const gathered = thrown.errors
    .slice(0, 5)
    .map((error: unknown) => (error instanceof Error ? error.message || error.name : String(error)));
  return `${own} (${gathered.join("; ")})`;
}
