/** Tables in what others wrote: JSON, TOML, or the parts of either. */

/** Whether a value is a table: an object that is no list. Its keys are whatever was written, `__proto__` among them. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
