/** Which failures of a request say that nothing of it was sent: only then may the same be asked of somebody else. */

/** Codes of the system and of the runtime. */
const codes: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ConnectionRefused",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "ENOTFOUND",
]);

/** Whether what a request failed with came before anything was sent. */
export function isUnsent(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && codes.has(thrown.code);
}
