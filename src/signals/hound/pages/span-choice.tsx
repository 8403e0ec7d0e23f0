/** @jsxImportSource hono/jsx */
/** For how long a silence shall last: the field `for` of a form, in milliseconds. */

const silenceSpans: readonly (readonly [word: string, spanMs: number])[] = [
  ["15 minutes", 900_000],
  ["1 hour", 3_600_000],
  ["4 hours", 14_400_000],
  ["1 day", 86_400_000],
  ["1 week", 604_800_000],
];

/** A choice of spans. */
export function SpanChoice() {
  return (
    <label>
      For
      <select name="for">
        {silenceSpans.map(([word, spanMs]) => (
          <option value={String(spanMs)} selected={spanMs === 3_600_000}>
            {word}
          </option>
        ))}
      </select>
    </label>
  );
}
