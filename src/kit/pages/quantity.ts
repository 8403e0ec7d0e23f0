/**
 * Numbers as people read them: sizes in binary units, counts with separators, spans of time in at most two units, ages
 * that change seldom enough for a live page to stay still. Pure; always the same text for the same number.
 */

const sizeUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** Bytes in binary units with three significant digits: `0 B`, `1.50 KiB`, `812 GiB`. Infinity is `no limit`. */
export function formatSize(sizeBytes: number): string {
  if (sizeBytes === Infinity) return "no limit";
  if (!Number.isFinite(sizeBytes) || sizeBytes < 0) return "–";
  let unit = 0;
  let value = sizeBytes;
  // 999.5 would be shown as four digits; the next unit reads better.
  while (value >= 999.5 && unit < sizeUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${sizeUnits[unit] ?? ""}`;
}

/** A whole number with thousands separated by commas: `12,034`. */
export function formatCount(count: number): string {
  return Number.isFinite(count) ? Math.round(count).toLocaleString("en-US") : "–";
}

/** A share of 1 in percent: `33.4 %`. Never says `100 %` or `0 %` of something that is not quite that. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.001) return "< 0.1 %";
  if (share < 1 && share > 0.999) return "99.9 %";
  return `${(share * 100).toFixed(share === 0 || share >= 1 ? 0 : 1)} %`;
}

const spans = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** A span of time in at most two neighbouring units: `3 d 4 h`, `45 s`, `12 ms`. */
export function formatSpan(spanMs: number): string {
  if (!Number.isFinite(spanMs) || spanMs < 0) return "–";
  if (spanMs < 1000) return `${Math.round(spanMs)} ms`;
  for (let position = 0; position < spans.length; position++) {
    const [unit, unitMs] = spans[position] ?? ["s", 1000];
    if (spanMs < unitMs) continue;
    const whole = Math.floor(spanMs / unitMs);
    const next = spans[position + 1];
    const rest = next ? Math.floor((spanMs - whole * unitMs) / next[1]) : 0;
    return next && rest > 0 && whole < 100 ? `${whole} ${unit} ${rest} ${next[0]}` : `${whole} ${unit}`;
  }
  return "0 s";
}

/** How long ago `at` was at `now`, both epoch ms, coarse enough to stand still between two looks: `just now`, `20 s ago`, `5 min ago`. */
export function formatAge(at: number, now: number): string {
  const ageMs = now - at;
  if (ageMs < -5000) return `in ${formatSpan(-ageMs)}`;
  if (ageMs < 10_000) return "just now";
  if (ageMs < 60_000) return `${Math.floor(ageMs / 10_000) * 10} s ago`;
  if (ageMs < 7_200_000) return `${Math.floor(ageMs / 60_000)} min ago`;
  if (ageMs < 172_800_000) return `${Math.floor(ageMs / 3_600_000)} h ago`;
  return `${Math.floor(ageMs / 86_400_000)} d ago`;
}

/** Epoch ms as `2026-11-21 22:14:03` in UTC. */
export function formatInstant(at: number): string {
  if (!Number.isFinite(at) || Math.abs(at) > 8.64e15) return "–";
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** Epoch ms as `22:14:03` in UTC. */
export function formatTimeOfDay(at: number): string {
  return formatInstant(at).slice(11);
}

/** A noun with its number: `1 node`, `3 nodes`, `no nodes`. */
export function countOf(count: number, one: string, many = `${one}s`): string {
  if (count === 0) return `no ${many}`;
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/**
 * A number that a program named, in words: the name's ending tells its unit (`Bytes`, `BytesPerSecond`, `Ms`, `Percent`)
 * and its humps become words. `freeBytes 1024` reads `free`, `1.00 KiB`.
 */
export function formatNamed(name: string, value: string | number): { name: string; text: string } {
  const units: [RegExp, (number: number) => string][] = [
    [/_?bytes_?per_?second$/i, (number) => `${formatSize(number)}/s`],
    [/_?bytes$/i, formatSize],
    [/(?:Ms|_ms)$/, formatSpan],
    [/_?percent$/i, (number) => formatShare(number / 100)],
  ];
  const unit = typeof value === "number" ? units.find(([ending]) => ending.test(name)) : undefined;
  const bare = (unit ? name.replace(unit[0], "") : name) || (/second/i.test(name) ? "at" : "done");
  const words = bare
    .replace(/_/g, " ")
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase();
  if (typeof value === "string") return { name: words, text: value };
  return {
    name: words,
    text: unit ? unit[1](value) : Number.isInteger(value) ? formatCount(value) : value.toPrecision(3),
  };
}
