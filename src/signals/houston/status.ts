/**
 * What the status page and the badges say, from what Chimney keeps of its checks. Only the checks that the operator chose,
 * and of those only name, level and days: no address, no reason, nothing of the machine.
 */
import type { ChimneyClient } from "../chimney/client.ts";
import type { Clock } from "../../kit/clock.ts";
import type { StatusRow, StatusView } from "./pages/view.ts";

const dayMs = 86_400_000;
/** How many days are shown. */
export const statusDays = 90;
/** What was asked is told again this long: many readers are one question. */
const freshMs = 10_000;

/** What is told of the chosen checks. */
export class StatusBoard {
  readonly #client: ChimneyClient | undefined;
  readonly #names: readonly string[];
  readonly #title: string;
  readonly #clock: Clock;
  #last: { at: number; view: Promise<StatusView> } | undefined;

  /** Without a client there is no Chimney, which is told in its place. */
  constructor(parts: { client: ChimneyClient | undefined; names: readonly string[]; title: string; clock: Clock }) {
    this.#client = parts.client;
    this.#names = parts.names;
    this.#title = parts.title;
    this.#clock = parts.clock;
  }

  /** Whether any check was chosen. */
  get isThere(): boolean {
    return this.#names.length > 0;
  }

  /** The state of now; at most ten seconds old. Never throws: trouble is part of it. */
  view(): Promise<StatusView> {
    const now = this.#clock.now();
    if (this.#last && now - this.#last.at < freshMs && now >= this.#last.at) return this.#last.view;
    const view = this.#ask(now);
    this.#last = { at: now, view };
    return view;
  }

  async #ask(now: number): Promise<StatusView> {
    const title = this.#title;
    const unknown = (name: string): StatusRow => ({
      name,
      level: "unknown",
      sinceAt: undefined,
      days: daysOf([], now),
      share: undefined,
    });
    if (!this.#client) return { title, now, rows: this.#names.map(unknown), trouble: "No checks are made here" };
    try {
      const found = await this.#client.history(this.#names, statusDays);
      const rows = this.#names.map((name) => {
        const check = found.find((each) => each.name === name);
        if (!check) return unknown(name);
        const days = daysOf(check.days, now);
        return { name, level: check.level, sinceAt: check.sinceAt, days, share: shareOf(days) };
      });
      return { title, now, rows, trouble: undefined };
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      // What went wrong inside is not for the public.
      return { title, now, rows: this.#names.map(unknown), trouble: "The checks cannot be read at the moment" };
    }
  }
}

function daysOf(known: readonly { at: number; runs: number; bad: number }[], now: number): StatusRow["days"] {
  const today = now - (now % dayMs);
  const byDay = new Map(known.map((day) => [day.at, day]));
  return Array.from({ length: statusDays }, (_, at) => {
    const day = today - (statusDays - 1 - at) * dayMs;
    return byDay.get(day) ?? { at: day, runs: 0, bad: 0 };
  });
}

/** The share of askings that were good, 0 to 1; undefined when nothing was asked. */
export function shareOf(days: StatusRow["days"]): number | undefined {
  const runs = days.reduce((sum, day) => sum + day.runs, 0);
  const bad = days.reduce((sum, day) => sum + day.bad, 0);
  return runs === 0 ? undefined : (runs - bad) / runs;
}

/** A share in per cent that never says 100 of less: `99.98 %`. */
export function sharePercent(share: number | undefined): string {
  if (share === undefined) return "–";
  if (share === 1) return "100 %";
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}

/** A badge: a name, and how it stands, as an SVG of its own. `name` may hold anything. */
export function badge(name: string, level: StatusRow["level"], share: number | undefined): string {
  const label = name.slice(0, 60);
  const words = `${level}${share === undefined ? "" : ` ${sharePercent(share)}`}`;
  const [left, right] = [widthOf(label), widthOf(words)];
  const fill = { up: "#2b6b33", down: "#a81f2c", unknown: "#5a5e57" }[level];
  const escaped = Bun.escapeHTML(label.toWellFormed().replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, " "));
  const all = left + right;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${all}" height="20" role="img" aria-label="${escaped}: ${words}"><title>${escaped}: ${words}</title><rect width="${all}" height="20" rx="3" fill="#3a3f3c"/><path d="M${left} 0h${right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-${right - 3}z" fill="${fill}"/><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"><text x="6" y="14" textLength="${left - 12}" lengthAdjust="spacingAndGlyphs">${escaped}</text><text x="${left + 6}" y="14" textLength="${right - 12}" lengthAdjust="spacingAndGlyphs">${words}</text></g></svg>\n`;
}

function widthOf(text: string): number {
  return Math.round([...text].length * 6.8) + 12;
}
